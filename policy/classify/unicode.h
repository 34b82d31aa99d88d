// SPDX-License-Identifier: Apache-2.0
// UTF-8 as the scanner needs it (RFC 3629): validation with a fast ASCII path, decoding one code point, and
// folding of the look-alikes that hide a number or a token: ignorables, digits of other scripts, full-width
// forms, dashes, spaces.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "policy/classify/view.h"

namespace warden::classify {

// Position of the next byte of a multi-byte character at or after `from`; text.size() when there is none.
uint32_t next_high(std::string_view text, size_t from);
bool is_ascii(std::string_view text);
bool is_utf8(std::string_view text);

struct CodePoint {
  char32_t value = 0xFFFD;
  uint32_t bytes = 1;
};
// The code point at `at`; invalid bytes give U+FFFD of length 1. `at` < text.size().
CodePoint code_point_at(std::string_view text, size_t at);
void append_utf8(std::string& out, char32_t value);

// Folds `in` into `out`: ignorables are dropped, forms of ASCII characters (lookalikes.h) become them, and so do letters of other
// scripts inside a token that is Latin otherwise. False when nothing had to change (`out` is then of no use).
bool fold(std::string_view in, MappedText& out);

}  // namespace warden::classify
