// SPDX-License-Identifier: Apache-2.0
// Joints: what stands inside a value without being part of it: the seams of concatenated string literals, line ends and line
// prefixes (quotes, comments, line numbers) in a folded token, separators between the digits of a number, emphasis marks of
// Markdown; and digits for letters in the word that names a value ("p4ssw0rd"). Taken out, the value is whole again.
#pragma once

#include <string_view>

#include "policy/classify/rewrites.h"

namespace warden::classify {

class CompiledPack;

void find_concatenations(std::string_view in, Rewrites& out);
void find_folded_lines(std::string_view in, Rewrites& out);
void find_emphasis(std::string_view in, Rewrites& out);
// Numbers of 7 to 24 digits in an unusual spelling; which of them count the caller decides by what stands before each
// (`named`, offsets of the first digit): a table of numbers is spelled in no other way.
void find_spread_numbers(std::string_view in, Rewrites& out, bool (*named)(void* context, uint32_t at), void* context);
void find_disguised_words(std::string_view in, const CompiledPack& pack, Rewrites& out);

}  // namespace warden::classify
