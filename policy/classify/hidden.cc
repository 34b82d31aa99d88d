// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/hidden.h"

#include <string>

#include "policy/classify/unicode.h"

namespace warden::classify {
namespace {

constexpr char32_t kOverride = 0x202E;
constexpr char32_t kPop = 0x202C;
constexpr size_t kTagsMin = 4;         // fewer are noise between other characters
constexpr size_t kBackwardsMax = 1024;

bool tag(char32_t c) {
  return c >= 0xE0020 && c <= 0xE007E;
}

uint32_t find_tags(std::string_view in, uint32_t begin, Rewrites& out) {
  std::string text;
  uint32_t at = begin;
  while (at < in.size()) {
    const CodePoint point = code_point_at(in, at);
    if (!tag(point.value)) break;
    text += static_cast<char>(point.value - 0xE0000);
    at += point.bytes;
  }
  if (text.size() >= kTagsMin) out.add({begin, at}, text, Rewrites::Rank::run);
  return at;
}

uint32_t find_backwards(std::string_view in, uint32_t begin, Rewrites& out) {
  std::string text;
  uint32_t at = begin + 3;
  while (at < in.size() && text.size() < kBackwardsMax && in[at] != '\n') {
    const CodePoint point = code_point_at(in, at);
    at += point.bytes;
    if (point.value == kPop) break;
    text.insert(0, in.substr(at - point.bytes, point.bytes));
  }
  out.add({begin, at}, text, Rewrites::Rank::run);
  return at;
}

}  // namespace

void find_hidden(std::string_view in, Rewrites& out) {
  const bool any = in.find("\xF3\xA0") != std::string_view::npos || in.find("\xE2\x80\xAE") != std::string_view::npos;
  if (!any) return;
  for (uint32_t at = next_high(in, 0); at < in.size() && !out.overflowed(); at = next_high(in, at)) {
    const CodePoint point = code_point_at(in, at);
    if (tag(point.value))
      at = find_tags(in, at, out);
    else if (point.value == kOverride)
      at = find_backwards(in, at, out);
    else
      at += point.bytes;
  }
}

}  // namespace warden::classify
