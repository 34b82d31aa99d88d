// SPDX-License-Identifier: Apache-2.0
// The text inside JSON strings: one character or escape at a time (RFC 8259 section 7, RFC 3629 for UTF-8).
#pragma once

#include <cstdint>

namespace warden::provider {

enum class TextFault : uint8_t { none, malformed, undecodable };

// `at` stands on a byte >= 0x80; moves behind the character. False: not UTF-8 (overlong, surrogate, beyond
// U+10FFFF, cut).
bool skip_utf8(const char*& at, const char* end);

// `at` stands on a backslash; moves behind the escape, or behind the pair of escapes that make one character.
TextFault skip_escape(const char*& at, const char* end);

}  // namespace warden::provider
