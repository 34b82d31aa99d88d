// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/provider/json_text.h"

#include <optional>
#include <string>
#include <string_view>

#include "tlsproxy/provider/json_walk.h"

namespace warden::provider {
namespace {

unsigned char byte_at(const char* p) {
  return static_cast<unsigned char>(*p);
}
bool is_tail(const char* p) {
  return (byte_at(p) & 0xc0) == 0x80;
}

std::optional<uint32_t> hex4(const char* at, const char* end) {
  if (end - at < 4) return std::nullopt;
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = at[i];
    uint32_t digit = 0;
    if (c >= '0' && c <= '9')
      digit = static_cast<uint32_t>(c - '0');
    else if (c >= 'a' && c <= 'f')
      digit = static_cast<uint32_t>(c - 'a' + 10);
    else if (c >= 'A' && c <= 'F')
      digit = static_cast<uint32_t>(c - 'A' + 10);
    else
      return std::nullopt;
    value = value * 16 + digit;
  }
  return value;
}

void append_utf8(std::string& out, uint32_t c) {
  const auto put = [&out](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xc0 | (c >> 6));
  } else {
    if (c < 0x10000) {
      put(0xe0 | (c >> 12));
    } else {
      put(0xf0 | (c >> 18));
      put(0x80 | ((c >> 12) & 0x3f));
    }
    put(0x80 | ((c >> 6) & 0x3f));
  }
  put(0x80 | (c & 0x3f));
}

char plain_escape(char c) {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return c;
  }
}

}  // namespace

bool skip_utf8(const char*& at, const char* end) {
  const unsigned char first = byte_at(at);
  const auto left = end - at;
  if (first >= 0xc2 && first <= 0xdf) {
    if (left < 2 || !is_tail(at + 1)) return false;
    at += 2;
    return true;
  }
  if ((first & 0xf0) == 0xe0) {
    if (left < 3 || !is_tail(at + 1) || !is_tail(at + 2)) return false;
    const unsigned char second = byte_at(at + 1);
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f)) return false;
    at += 3;
    return true;
  }
  if (first < 0xf0 || first > 0xf4) return false;
  if (left < 4 || !is_tail(at + 1) || !is_tail(at + 2) || !is_tail(at + 3)) return false;
  const unsigned char second = byte_at(at + 1);
  if ((first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) return false;
  at += 4;
  return true;
}

TextFault skip_escape(const char*& at, const char* end) {
  if (end - at < 2) return TextFault::malformed;
  if (at[1] != 'u') {
    if (std::string_view("\"\\/bfnrt").find(at[1]) == std::string_view::npos) return TextFault::malformed;
    at += 2;
    return TextFault::none;
  }
  const auto high = hex4(at + 2, end);
  if (!high) return TextFault::malformed;
  at += 6;
  if (*high < 0xd800 || *high > 0xdfff) return TextFault::none;
  if (*high > 0xdbff || end - at < 2 || at[0] != '\\' || at[1] != 'u') return TextFault::undecodable;
  const auto low = hex4(at + 2, end);
  if (!low) return TextFault::malformed;
  if (*low < 0xdc00 || *low > 0xdfff) return TextFault::undecodable;
  at += 6;
  return TextFault::none;
}

std::string decode_json(std::string_view raw) {
  std::string out;
  out.reserve(raw.size());
  const char* at = raw.data();
  const char* end = at + raw.size();
  while (at < end) {
    if (*at != '\\' || end - at < (at + 1 < end && at[1] == 'u' ? 6 : 2)) {
      out.push_back(*at++);
    } else if (at[1] != 'u') {
      out.push_back(plain_escape(at[1]));
      at += 2;
    } else {
      uint32_t c = hex4(at + 2, end).value_or(0xfffd);
      at += 6;
      if (c >= 0xd800 && c <= 0xdbff && end - at >= 6) {
        c = 0x10000 + ((c - 0xd800) << 10) + (hex4(at + 2, end).value_or(0xdc00) - 0xdc00);
        at += 6;
      }
      append_utf8(out, c);
    }
  }
  return out;
}

void append_json(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  const char* at = text.data();
  const char* end = at + text.size();
  while (at < end) {
    const unsigned char c = byte_at(at);
    const char* start = at;
    if (c >= 0x80) {
      if (skip_utf8(at, end)) {
        out.append(start, at);
      } else {
        out.append("\xEF\xBF\xBD");
        ++at;
      }
      continue;
    }
    ++at;
    if (c == '"' || c == '\\') out.push_back('\\');
    if (c >= 0x20) {
      out.push_back(static_cast<char>(c));
    } else {
      out.append("\\u00");
      out.push_back(kHex[c >> 4]);
      out.push_back(kHex[c & 15]);
    }
  }
}

}  // namespace warden::provider
