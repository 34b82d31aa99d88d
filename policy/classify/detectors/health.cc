// SPDX-License-Identifier: Apache-2.0
// Health identifiers and other checked ids: US NPI (45 CFR 162.406, Luhn with prefix 80840), DEA
// registration, Medicare beneficiary identifier (CMS: position classes), Aadhaar (UIDAI: Verhoeff), vehicle
// identification number (49 CFR 565).
#include <algorithm>
#include <array>

#include "policy/classify/chars.h"
#include "policy/classify/checks.h"
#include "policy/classify/tables.h"

namespace warden::classify {
namespace {

bool whole(const Candidate& c, Extent span) {
  return !is_word(at_or_nul(c.text, span.begin - 1)) && !is_word(at_or_nul(c.text, span.end));
}

bool npi(const Candidate& c, Match& match) {
  if (c.groups.size() != 1 || !whole(c, c.span) || (c.digits[0] != '1' && c.digits[0] != '2')) return false;
  std::array<char, 15> prefixed = {'8', '0', '8', '4', '0'};
  std::copy(c.digits.begin(), c.digits.end(), prefixed.begin() + 5);
  if (all_same(c.digits.substr(1))) match.tier = Tier::suppressed;
  return luhn({prefixed.data(), prefixed.size()});
}

// Registrant type, first letter of the name (or 9), seven digits of which the last checks the others.
bool dea(const Candidate& c, Match& match) {
  if (c.groups.size() != 1 || c.span.begin < 2) return false;
  const Extent span{c.span.begin - 2, c.span.end};
  const char type = upper(c.text[span.begin]);
  if (!whole(c, span) || std::string_view("ABCDEFGHJKLMPRSTUX").find(type) == std::string_view::npos)
    return false;
  if (!is_alpha(c.text[span.begin + 1])) return false;
  const auto digit = [&](size_t i) { return c.digits[i] - '0'; };
  const int sum = digit(0) + digit(2) + digit(4) + 2 * (digit(1) + digit(3) + digit(5));
  if (sum % 10 != digit(6)) return false;  // one in ten passes: reported only with a word beside it
  match.span = span;
  if (all_same(c.digits) || sequential(c.digits)) match.tier = Tier::suppressed;
  return true;
}

bool mbi(const Candidate& c, Match& match) {
  constexpr std::string_view shape = "1AXNAXNAANN";  // 1: 1-9, A: letter, N: digit, X: either; no S L O I B Z
  std::array<char, 11> value{};
  size_t count = 0;
  uint32_t at = c.span.begin;
  for (; at < c.text.size() && count < value.size(); ++at) {
    const bool dash = c.text[at] == '-' && (count == 4 || count == 7) && c.text[at - 1] != '-';
    if (!dash) value[count++] = upper(c.text[at]);
  }
  if (count != value.size() || !whole(c, {c.span.begin, at})) return false;
  for (size_t i = 0; i < shape.size(); ++i) {
    const bool letter =
        is_upper(value[i]) && std::string_view("SLOIBZ").find(value[i]) == std::string_view::npos;
    const bool fits = shape[i] == '1'   ? value[i] >= '1' && value[i] <= '9'
                      : shape[i] == 'A' ? letter
                      : shape[i] == 'N' ? is_digit(value[i])
                                        : letter || is_digit(value[i]);
    if (!fits) return false;
  }
  match.span.end = at;
  match.confidence = is_upper(c.text[c.span.begin + 1]) ? 75 : 0;
  return true;
}

bool aadhaar(const Candidate& c, Match& match) {
  const bool grouped = c.groups.size() == 3 && c.groups[0] == 4 && c.groups[1] == 4 && (c.separator == ' ' || c.separator == '-');
  if ((c.groups.size() != 1 && !grouped) || !whole(c, c.span) || c.before > 0 || c.after > 0) return false;
  if (c.digits[0] < '2' || at_or_nul(c.text, c.span.begin - 1) == '+' || !verhoeff(c.digits)) return false;
  if (all_same(c.digits)) match.tier = Tier::suppressed;
  if (grouped) match.confidence = 65;
  return true;
}

int vin_value(char c) {
  constexpr std::string_view letters = "ABCDEFGH?JKLMN?P?R?STUVWXYZ";
  constexpr std::string_view values = "12345678?12345?7?9?23456789";
  if (is_digit(c)) return c - '0';
  const size_t at = letters.find(c);
  return at == std::string_view::npos || c == '?' ? -1 : values[at] - '0';
}

bool vin(const Candidate& c, Match& match) {
  constexpr std::array<uint8_t, 17> weights = {8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2};
  if (!whole(c, c.span)) return false;
  int sum = 0;
  int letters = 0;
  bool capital = true;
  for (size_t i = 0; i < weights.size(); ++i) {
    const char raw = c.text[c.span.begin + i];
    const int value = vin_value(upper(raw));
    if (value < 0) return false;
    sum += value * weights[i];
    letters += is_alpha(raw) ? 1 : 0;
    capital = capital && !is_lower(raw);
  }
  const char check = upper(c.text[c.span.begin + 8]);
  if (check != (sum % 11 == 10 ? 'X' : static_cast<char>('0' + sum % 11)) || letters > 14) return false;
  match.confidence = capital ? 75 : 0;
  return true;
}

constexpr Detector kRows[] = {
    {"us.npi",
     "phi",
     Trigger::number,
     npi,
     1 << 10,
     "npi|provider npi|national provider identifier|npi number|npi no|provider id|provider number",
     {},
     "1234567893|1111111112",
     80,
     98},
    {"us.dea",
     "phi",
     Trigger::number,
     dea,
     1 << 7,
     "dea|dea number|dea no|dea#|dea registration|prescriber",
     {},
     "AB1234563|BB1388568",
     90,
     98},
    {"us.mbi",
     "phi",
     Trigger::word,
     mbi,
     (1 << 4) | (1 << 11),
     "mbi|medicare|medicare number|medicare beneficiary|medicare beneficiary identifier|medicare id",
     {},
     "1EG4TE5MK73|1EG4TE5MK72",
     90,
     98},
    {"in.aadhaar",
     "pii.gov",
     Trigger::number,
     aadhaar,
     1 << 12,
     "aadhaar|aadhar|aadhaar number|uidai|uidai no|uid|आधार",
     {},
     "999999990019|234123412346",
     85,
     98},
    {"pii.vin",
     "pii",
     Trigger::word,
     vin,
     1 << 17,
     "vin|vin number|vehicle identification number|chassis|fahrgestellnummer|vehicle id",
     {},
     "1M8GDM9AXKP042788|11111111111111111|1HGCM82633A004352|1HGBH41JXMN109186",
     90,
     98},
};

}  // namespace

std::span<const Detector> health_detectors() {
  return kRows;
}

}  // namespace warden::classify
