// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/layers.h"

#include "policy/classify/chars.h"
#include "policy/classify/unicode.h"

namespace warden::classify {
namespace {

// The code unit of a \uXXXX at `at` (pointing at the backslash); -1 when it is none.
int32_t unit_at(std::string_view in, size_t at) {
  if (at + 6 > in.size() || in[at] != '\\' || in[at + 1] != 'u') return -1;
  int32_t unit = 0;
  for (size_t i = at + 2; i < at + 6; ++i) {
    const int digit = hex_value(in[i]);
    if (digit < 0) return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

JsonEscape unicode_escape(std::string_view in, size_t at) {
  const int32_t first = unit_at(in, at);
  if (first < 0) return {};
  JsonEscape escape{{}, 6};
  char32_t value = static_cast<char32_t>(first);
  if (first >= 0xD800 && first <= 0xDBFF) {
    const int32_t second = unit_at(in, at + 6);
    const bool pair = second >= 0xDC00 && second <= 0xDFFF;
    value = pair ? 0x10000 + ((static_cast<char32_t>(first) - 0xD800) << 10) +
                       (static_cast<char32_t>(second) - 0xDC00)
                 : 0xFFFD;
    if (pair) escape.bytes = 12;
  } else if (first >= 0xDC00 && first <= 0xDFFF) {
    value = 0xFFFD;
  }
  append_utf8(escape.text, value);
  return escape;
}

}  // namespace

JsonEscape json_escape_at(std::string_view in, size_t at) {
  if (at + 1 >= in.size()) return {};
  switch (in[at + 1]) {
    case '"':
      return {"\"", 2};
    case '\\':
      return {"\\", 2};
    case '/':
      return {"/", 2};
    case 'b':
      return {"\b", 2};
    case 'f':
      return {"\f", 2};
    case 'n':
      return {"\n", 2};
    case 'r':
      return {"\r", 2};
    case 't':
      return {"\t", 2};
    case 'u':
      return unicode_escape(in, at);
    default:
      return {};
  }
}

bool unescape_json(std::string_view in, MappedText& out) {
  out.clear();
  bool changed = false;
  uint32_t plain = 0;
  for (size_t at = in.find('\\'); at != std::string_view::npos && !out.overflowed(); at = in.find('\\', at)) {
    const JsonEscape escape = json_escape_at(in, at);
    if (escape.bytes == 0) {
      ++at;
      continue;
    }
    const auto begin = static_cast<uint32_t>(at);
    out.copy(in, plain, begin);
    out.replace(escape.text, begin, begin + escape.bytes);
    plain = begin + escape.bytes;
    at = plain;
    changed = true;
  }
  if (changed) out.copy(in, plain, static_cast<uint32_t>(in.size()));
  return changed;
}

bool mostly_text(std::string_view bytes) {
  if (bytes.empty()) return false;
  size_t odd = 0;
  for (size_t at = 0; at < bytes.size();) {
    const CodePoint point = code_point_at(bytes, at);
    const bool control =
        point.value < 0x20 && point.value != '\t' && point.value != '\n' && point.value != '\r';
    if (control || point.value == 0x7F || point.value == 0xFFFD) odd += point.bytes;
    at += point.bytes;
  }
  return odd * 10 <= bytes.size();
}

}  // namespace warden::classify
