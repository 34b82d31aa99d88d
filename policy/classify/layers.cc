// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/layers.h"

#include <array>

#include "policy/classify/chars.h"
#include "policy/classify/unicode.h"

namespace warden::classify {
namespace {

constexpr size_t kRunMin = 24;
constexpr size_t kRunMax = 1 << 20;

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

struct Escape {
  std::string text;
  uint32_t bytes = 0;  // 0: no escape
};

Escape unicode_escape(std::string_view in, size_t at) {
  const int32_t first = unit_at(in, at);
  if (first < 0) return {};
  Escape escape{{}, 6};
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

Escape escape_at(std::string_view in, size_t at) {
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

constexpr std::array<int8_t, 256> base64_values() {
  std::array<int8_t, 256> table{};
  for (auto& value : table) value = -1;
  for (int i = 0; i < 26; ++i) {
    table[static_cast<size_t>('A' + i)] = static_cast<int8_t>(i);
    table[static_cast<size_t>('a' + i)] = static_cast<int8_t>(26 + i);
  }
  for (int i = 0; i < 10; ++i) table[static_cast<size_t>('0' + i)] = static_cast<int8_t>(52 + i);
  table['+'] = table['-'] = 62;
  table['/'] = table['_'] = 63;
  return table;
}
constexpr auto kBase64 = base64_values();
int base64_value(char c) {
  return kBase64[static_cast<unsigned char>(c)];
}

std::string decode_run(std::string_view run) {
  std::string bytes;
  bytes.reserve(run.size() / 4 * 3 + 3);
  uint32_t bits = 0;
  int held = 0;
  for (const char c : run) {
    bits = (bits << 6) | static_cast<uint32_t>(base64_value(c));
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes += static_cast<char>((bits >> held) & 0xFF);
    }
  }
  return bytes;
}

// Looks at a window from its end, so that most of a text of short words is never touched. Returns where the
// next window begins; `at` itself when the whole window is in the alphabet.
size_t next_window(std::string_view in, size_t at) {
  for (size_t i = at + kRunMin; i-- > at;) {
    if (base64_value(in[i]) < 0) return i + 1;
  }
  return at;
}

}  // namespace

bool unescape_json(std::string_view in, MappedText& out) {
  out.clear();
  bool changed = false;
  uint32_t plain = 0;
  for (size_t at = in.find('\\'); at != std::string_view::npos && !out.overflowed(); at = in.find('\\', at)) {
    const Escape escape = escape_at(in, at);
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

bool decode_percent(std::string_view in, MappedText& out) {
  out.clear();
  bool changed = false;
  uint32_t plain = 0;
  for (size_t at = in.find('%'); at != std::string_view::npos && !out.overflowed(); at = in.find('%', at)) {
    const int high = at + 2 < in.size() ? hex_value(in[at + 1]) : -1;
    const int low = high < 0 ? -1 : hex_value(in[at + 2]);
    if (low < 0) {
      ++at;
      continue;
    }
    const auto begin = static_cast<uint32_t>(at);
    const char byte = static_cast<char>(high * 16 + low);
    out.copy(in, plain, begin);
    out.replace({&byte, 1}, begin, begin + 3);
    plain = begin + 3;
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

void find_base64_text(std::string_view in, size_t runs_max, std::vector<EncodedRun>& out) {
  out.clear();
  for (size_t at = 0; at + kRunMin <= in.size() && out.size() < runs_max;) {
    const size_t begin = at;
    at = next_window(in, begin);
    if (at != begin) continue;
    size_t end = begin + kRunMin;
    while (end < in.size() && base64_value(in[end]) >= 0) ++end;
    const std::string_view run = in.substr(begin, end - begin);
    if (run.size() <= kRunMax && run.size() % 4 != 1) {
      std::string text = decode_run(run);
      for (int pad = 0; pad < 2 && end < in.size() && in[end] == '='; ++pad) ++end;
      if (mostly_text(text))
        out.push_back({{static_cast<uint32_t>(begin), static_cast<uint32_t>(end)}, std::move(text)});
    }
    at = end;
  }
}

}  // namespace warden::classify
