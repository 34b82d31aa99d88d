// SPDX-License-Identifier: Apache-2.0
// Locale-free character classes of ASCII, and a bounds-safe look at a neighbour.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace warden::classify {

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
constexpr bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
constexpr bool is_alpha(char c) {
  return is_upper(c) || is_lower(c);
}
constexpr bool is_alnum(char c) {
  return is_digit(c) || is_alpha(c);
}
constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t';
}
constexpr bool is_space(char c) {
  return is_blank(c) || c == '\n' || c == '\r';
}
constexpr char lower(char c) {
  return is_upper(c) ? static_cast<char>(c + 32) : c;
}
constexpr char upper(char c) {
  return is_lower(c) ? static_cast<char>(c - 32) : c;
}
constexpr int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char folded = lower(c);
  return folded >= 'a' && folded <= 'f' ? folded - 'a' + 10 : -1;
}

// The character at `at`, or NUL outside of the text (also for "negative" positions, which wrap).
constexpr char at_or_nul(std::string_view text, size_t at) {
  return at < text.size() ? text[at] : '\0';
}
// Bytes of multi-byte characters count as letters: a token does not end inside a word of another script.
constexpr bool is_word(char c) {
  return is_alnum(c) || static_cast<unsigned char>(c) >= 0x80;
}
constexpr bool equals_nocase(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

}  // namespace warden::classify
