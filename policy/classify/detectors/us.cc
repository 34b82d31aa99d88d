// SPDX-License-Identifier: Apache-2.0
// United States: SSN (SSA: area, group and serial rules since the randomisation of 2011) and ITIN (IRS: group
// ranges).
#include "policy/classify/chars.h"
#include "policy/classify/checks.h"
#include "policy/classify/tables.h"

namespace warden::classify {
namespace {

// 3-2-4 with one kind of dash or space, or nine digits in a row, not part of a longer number or token.
enum class Form { none, bare, formatted };
Form form_324(const Candidate& c) {
  const char before = at_or_nul(c.text, c.span.begin - 1);
  const char after = at_or_nul(c.text, c.span.end);
  if (is_word(before) || is_word(after) || before == '+') return Form::none;
  if (c.groups.size() == 1) return c.before == 0 && c.after == 0 ? Form::bare : Form::none;
  const bool grouped = c.groups.size() == 3 && c.groups[0] == 3 && c.groups[1] == 2 && c.groups[2] == 4;
  if (!grouped || c.separator == kMixed) return Form::none;
  const bool linked = (before == c.separator && c.separator != ' ') ||
                      (after == c.separator && c.separator != ' ' && c.separator != '.');
  return linked || (c.separator != '-' && (c.before > 0 || c.after > 0)) ? Form::none : Form::formatted;
}

bool ssn(const Candidate& c, Match& match) {
  const Form form = form_324(c);
  if (form == Form::none) return false;
  const uint64_t area = number(c.digits.substr(0, 3));
  if (area == 0 || area == 666 || area >= 900) return false;
  if (c.digits.substr(3, 2) == "00" || c.digits.substr(5) == "0000") return false;
  if (all_same(c.digits) || sequential(c.digits)) match.tier = Tier::suppressed;
  if (form == Form::formatted) match.confidence = c.separator == '-' ? 80 : 55;
  return true;
}

bool itin(const Candidate& c, Match& match) {
  const Form form = form_324(c);
  if (form == Form::none || c.digits[0] != '9') return false;
  const uint64_t group = number(c.digits.substr(3, 2));
  const bool valid = (group >= 50 && group <= 65) || (group >= 70 && group <= 88) ||
                     (group >= 90 && group <= 92) || (group >= 94 && group <= 99);
  if (!valid || all_same(c.digits)) return false;
  if (c.digits.starts_with("98765432")) match.tier = Tier::suppressed;  // 987-65-4320 to 4329: for advertising only
  if (form == Form::formatted) match.confidence = c.separator == '-' ? 75 : 50;
  return true;
}

constexpr Detector kRows[] = {
    {"us.ssn",
     "pii.gov",
     Trigger::number,
     ssn,
     1 << 9,
     "ssn|ssns|social security number|social security no|social security|social sec|social|soc sec|ss "
     "number|ssn number|"
     "ss#|ss no|tax payer id|taxpayer id|tin|número de seguro social",
     {},
     "078051120|219099999|457555462|123456789|002281852|111223333|123121234",
     80,
     98},
    {"us.itin",
     "pii.gov",
     Trigger::number,
     itin,
     1 << 9,
     "itin|individual taxpayer identification number|individual taxpayer|taxpayer id|taxpayer "
     "identification|tax id|tin",
     {},
     "912701234|900700000",
     80,
     98},
};

}  // namespace

std::span<const Detector> us_detectors() {
  return kRows;
}

}  // namespace warden::classify
