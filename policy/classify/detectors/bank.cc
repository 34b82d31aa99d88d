// SPDX-License-Identifier: Apache-2.0
// Bank accounts: IBAN (ISO 13616; countries, lengths and BBAN structures of the SWIFT registry) and the ABA
// routing number.
#include <algorithm>
#include <array>

#include "policy/classify/chars.h"
#include "policy/classify/checks.h"
#include "policy/classify/tables.h"

namespace warden::classify {
namespace {

// Country and BBAN structure: n digits, a upper-case letters, c either; each followed by its count.
struct Country {
  std::string_view code;
  std::string_view bban;
};
constexpr Country kCountries[] = {
    {"AD", "n8c12"},    {"AE", "n19"},      {"AL", "n8c16"},    {"AT", "n16"},     {"AZ", "a4c20"},
    {"BA", "n16"},      {"BE", "n12"},      {"BG", "a4n6c8"},   {"BH", "a4c14"},   {"BI", "n23"},
    {"BR", "n23a1c1"},  {"BY", "c4n4c16"},  {"CH", "n5c12"},    {"CR", "n18"},     {"CY", "n8c16"},
    {"CZ", "n20"},      {"DE", "n18"},      {"DJ", "n23"},      {"DK", "n14"},     {"DO", "c4n20"},
    {"EE", "n16"},      {"EG", "n25"},      {"ES", "n20"},      {"FI", "n14"},     {"FK", "a2n12"},
    {"FO", "n14"},      {"FR", "n10c11n2"}, {"GB", "a4n14"},    {"GE", "a2n16"},   {"GI", "a4c15"},
    {"GL", "n14"},      {"GR", "n7c16"},    {"GT", "c24"},      {"HN", "a4n20"},   {"HR", "n17"},
    {"HU", "n24"},      {"IE", "a4n14"},    {"IL", "n19"},      {"IQ", "a4n15"},   {"IS", "n22"},
    {"IT", "a1n10c12"}, {"JO", "a4n4c18"},  {"KW", "a4c22"},    {"KZ", "n3c13"},   {"LB", "n4c20"},
    {"LC", "a4c24"},    {"LI", "n5c12"},    {"LT", "n16"},      {"LU", "n3c13"},   {"LV", "a4c13"},
    {"LY", "n21"},      {"MC", "n10c11n2"}, {"MD", "c20"},      {"ME", "n18"},     {"MK", "n3c10n2"},
    {"MN", "n16"},      {"MR", "n23"},      {"MT", "a4n5c18"},  {"MU", "a4n19a3"}, {"NI", "a4n20"},
    {"NL", "a4n10"},    {"NO", "n11"},      {"OM", "n3c16"},    {"PK", "a4c16"},   {"PL", "n24"},
    {"PS", "a4c21"},    {"PT", "n21"},      {"QA", "a4c21"},    {"RO", "a4c16"},   {"RS", "n18"},
    {"RU", "n14c15"},   {"SA", "n2c18"},    {"SC", "a4n20a3"},  {"SD", "n14"},     {"SE", "n20"},
    {"SI", "n15"},      {"SK", "n20"},      {"SM", "a1n10c12"}, {"SO", "n19"},     {"ST", "n21"},
    {"SV", "a4n20"},    {"TL", "n19"},      {"TN", "n20"},      {"TR", "n6c16"},   {"UA", "n6c19"},
    {"VA", "n18"},      {"VG", "a4n16"},    {"XK", "n16"},      {"YE", "a4n4c18"}, {"HK", ""},
};

struct Part {
  char kind;
  size_t count;
};
// Takes the next "n12" off a structure.
Part take_part(std::string_view& bban) {
  Part part{bban.front(), 0};
  bban.remove_prefix(1);
  while (!bban.empty() && is_digit(bban.front())) {
    part.count = part.count * 10 + static_cast<size_t>(bban.front() - '0');
    bban.remove_prefix(1);
  }
  return part;
}

size_t bban_size(std::string_view bban) {
  size_t size = 0;
  while (!bban.empty()) size += take_part(bban).count;
  return size;
}

bool bban_fits(std::string_view value, std::string_view bban) {
  while (!bban.empty()) {
    const Part part = take_part(bban);
    for (size_t i = 0; i < part.count; ++i, value.remove_prefix(1)) {
      const char c = value.front();
      if (part.kind == 'n' ? !is_digit(c) : part.kind == 'a' ? !is_upper(c) : !(is_digit(c) || is_upper(c)))
        return false;
    }
  }
  return true;
}

// The IBAN may go on in further groups; the word only holds its beginning.
bool iban(const Candidate& c, Match& match) {
  const std::string_view text = c.text;
  const uint32_t begin = c.span.begin;
  if (!is_alpha(text[begin]) || !is_alpha(text[begin + 1]) || is_word(at_or_nul(text, begin - 1)))
    return false;
  if (!is_digit(text[begin + 2]) || !is_digit(text[begin + 3])) return false;
  const std::array<char, 2> code = {upper(text[begin]), upper(text[begin + 1])};
  const Country* country =
      std::find_if(std::begin(kCountries), std::end(kCountries),
                   [&](const Country& one) { return one.code == std::string_view(code.data(), 2); });
  if (country == std::end(kCountries)) return false;
  const size_t size = bban_size(country->bban) + 4;
  std::array<char, 40> value{};
  size_t count = 0;
  uint32_t at = begin;
  for (; at < text.size() && count < size; ++at) {
    if (is_alnum(text[at])) {
      value[count++] = upper(text[at]);
    } else if ((text[at] != ' ' && text[at] != '-' && text[at] != '.') || !is_alnum(text[at - 1])) {
      return false;
    }
  }
  if (count != size || is_word(at_or_nul(text, at))) return false;
  if (!bban_fits({value.data() + 4, size - 4}, country->bban)) return false;
  std::rotate(value.begin(), value.begin() + 4, value.begin() + static_cast<ptrdiff_t>(size));
  if (!mod97({value.data(), size})) return false;
  match.span.end = at;
  match.confidence = 97;
  return true;
}

bool aba(const Candidate& c, Match& match) {
  if (c.groups.size() != 1 || c.before > 0 || c.after > 0) return false;
  if (is_word(at_or_nul(c.text, c.span.begin - 1)) || is_word(at_or_nul(c.text, c.span.end))) return false;
  const uint64_t district = number(c.digits.substr(0, 2));
  const bool issued = district <= 12 || (district >= 21 && district <= 32) ||
                      (district >= 61 && district <= 72) || district == 80;
  constexpr std::array<uint8_t, 9> weights = {3, 7, 1, 3, 7, 1, 3, 7, 1};
  if (!issued || weighted_sum(c.digits, weights) % 10 != 0) return false;
  if (all_same(c.digits)) match.tier = Tier::suppressed;
  return true;
}

constexpr Detector kRows[] = {
    {"iban",
     "bank",
     Trigger::word,
     iban,
     (1 << 4) | lengths(15, 34),
     "iban|bank account|account|konto|cuenta|compte|transfer to",
     {},
     "GB82WEST12345698765432|DE89370400440532013000|GB29NWBK60161331926819|GB33BUKB20201555555555|"
     "FR1420041010050500013M02606|FR7630006000011234567890189|NL91ABNA0417164300|ES9121000418450200051332|"
     "IT60X0542811101000000123456|BE68539007547034|CH9300762011623852957|AT611904300234573201|"
     "DE75512108001245126199",
     98,
     99},
    {"us.aba",
     "bank",
     Trigger::number,
     aba,
     1 << 9,
     "aba|routing|routing number|routing no|routing transit number|rtn|aba number|bank routing|micr|fedwire",
     {},
     "021000021|123456780|111000025|110000000|000000000",
     80,
     97},
};

}  // namespace

std::span<const Detector> bank_detectors() {
  return kRows;
}

}  // namespace warden::classify
