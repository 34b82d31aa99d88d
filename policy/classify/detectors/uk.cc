// SPDX-License-Identifier: Apache-2.0
// United Kingdom: National Insurance number (HMRC manual NIM39110) and NHS number (NHS Data Dictionary,
// modulus 11).
#include <array>

#include "policy/classify/chars.h"
#include "policy/classify/checks.h"
#include "policy/classify/tables.h"

namespace warden::classify {
namespace {

bool any_of(char c, std::string_view set) {
  return set.find(c) != std::string_view::npos;
}

bool nino_prefix(char first, char second) {
  if (!is_upper(first) || !is_upper(second) || any_of(first, "DFIQUV") || any_of(second, "DFIOQUV"))
    return false;
  for (const std::string_view refused : {"BG", "GB", "NK", "KN", "TN", "NT", "ZZ"}) {
    if (first == refused[0] && second == refused[1]) return false;
  }
  return true;
}

bool nino(const Candidate& c, Match& match) {
  const bool pairs = c.groups.size() == 3 && c.groups[0] == 2 && c.groups[1] == 2 && c.separator != kMixed;
  if (c.groups.size() != 1 && !pairs) return false;
  uint32_t begin = c.span.begin;
  if (any_of(at_or_nul(c.text, begin - 1), " -")) --begin;
  if (begin < 2 || is_word(at_or_nul(c.text, begin - 3))) return false;
  begin -= 2;
  if (!nino_prefix(upper(c.text[begin]), upper(c.text[begin + 1]))) return false;
  uint32_t end = c.span.end;
  const bool gap = any_of(at_or_nul(c.text, end), " -");
  const char suffix = at_or_nul(c.text, end + (gap ? 1 : 0));
  const bool complete = any_of(upper(suffix), "ABCD") && !is_word(at_or_nul(c.text, end + (gap ? 2 : 1)));
  if (complete) end += gap ? 2 : 1;
  if (!complete && (is_word(at_or_nul(c.text, end)) || c.after > 0)) return false;
  match.span = {begin, end};
  const bool capital = is_upper(c.text[begin]) && is_upper(c.text[begin + 1]) && is_upper(suffix);
  if (complete && capital) match.confidence = gap && c.groups.size() == 1 ? 60 : 85;
  if (all_same(c.digits) || sequential(c.digits)) match.tier = Tier::suppressed;
  return true;
}

bool nhs(const Candidate& c, Match& match) {
  const bool spaced = c.groups.size() == 3 && c.groups[0] == 3 && c.groups[1] == 3 && c.separator != kMixed;
  if (c.groups.size() != 1 && !spaced) return false;
  const char before = at_or_nul(c.text, c.span.begin - 1);
  if (is_word(before) || is_word(at_or_nul(c.text, c.span.end)) || before == '+' || c.before > 0 ||
      c.after > 0)
    return false;
  constexpr std::array<uint8_t, 9> weights = {10, 9, 8, 7, 6, 5, 4, 3, 2};
  const int check = (11 - weighted_sum(c.digits, weights) % 11) % 11;
  if (check == 10 || c.digits[9] - '0' != check) return false;
  if (all_same(c.digits)) match.tier = Tier::suppressed;
  // 3-3-4 is how American telephone numbers are written too, and one in eleven of those passes.
  if (spaced && c.separator == ' ') match.confidence = 55;
  return true;
}

constexpr Detector kRows[] = {
    {"uk.nino",
     "pii.gov",
     Trigger::number,
     nino,
     1 << 6,
     "nino|ni number|ni no|national insurance|national insurance number|nin",
     {},
     "AB123456C|AA123456A|JG121316A|QQ123456C",
     90,
     98},
    {"uk.nhs",
     "phi",
     Trigger::number,
     nhs,
     1 << 10,
     "nhs|nhs number|nhs no|nhs num|nhs#|national health service",
     {},
     "9434765919|9434765870|4010232137|1234567881",
     88,
     99},
};

}  // namespace

std::span<const Detector> uk_detectors() {
  return kRows;
}

}  // namespace warden::classify
