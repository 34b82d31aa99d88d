// SPDX-License-Identifier: Apache-2.0
// Keys of cloud platforms, recognised by prefix, alphabet and length.
#include <algorithm>

#include "policy/classify/chars.h"
#include "policy/classify/checks.h"
#include "policy/classify/tables.h"

namespace warden::classify {
namespace {

// AWS access key id: four letters of the kind, then 16 of base32 (the account number is inside).
bool aws_akid(const Candidate& c, Match& match) {
  if (is_word(at_or_nul(c.text, c.span.begin - 1)) || is_word(at_or_nul(c.text, c.span.begin + 20)))
    return false;
  const std::string_view body = c.text.substr(c.span.end, 16);
  const bool base32 =
      std::all_of(body.begin(), body.end(), [](char x) { return is_upper(x) || (x >= '2' && x <= '7'); });
  const bool loose = std::all_of(body.begin(), body.end(), [](char x) { return is_upper(x) || is_digit(x); });
  if (body.size() != 16 || !loose) return false;
  match.span.end = c.span.begin + 20;
  match.confidence = base32 ? 97 : 80;
  if (!base32) match.tier = Tier::asserted;
  if (body.ends_with("EXAMPLE") || distinct(body) < 5) match.tier = Tier::suppressed;
  return true;
}

constexpr Detector kRows[] = {
    {"secret.aws_akid",
     "secret",
     Trigger::literal,
     aws_akid,
     0,
     "aws|access key|access key id|aws access key id",
     "AKIA|ASIA|AGPA|AIDA|AROA|AIPA|ANPA|ANVA|ABIA|ACCA|APKA|ASCA",
     {},
     97,
     99},
};

}  // namespace

std::span<const Detector> cloud_key_detectors() {
  return kRows;
}

}  // namespace warden::classify
