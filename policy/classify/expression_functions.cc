// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/expression_functions.h"

#include <algorithm>

#include "policy/classify/chars.h"
#include "policy/classify/bitcoin.h"
#include "policy/classify/checks.h"

namespace warden::classify {
namespace {

constexpr int64_t kNever = -1'000'003;  // of a sum over characters outside its alphabet: no remainder anybody compares with

// ISO 3166-1 alpha-2, and XK, which Kosovo uses.
constexpr std::string_view kCountries =
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG "
    "CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL "
    "GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA "
    "LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP "
    "NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV "
    "SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

int64_t length(const Call& c) { return static_cast<int64_t>(c.value.size()); }
int64_t value(const Call& c) { return c.number(c.args[0]); }
int64_t character(const Call& c) { return c.code(c.args[0]); }

int64_t digits(const Call& c) {
  const std::string_view part = c.part(c.args[0], c.args[1]);
  if (part.empty() || part.size() > 18 || !std::all_of(part.begin(), part.end(), is_digit)) return -1;
  return static_cast<int64_t>(number(part));
}

int64_t weighted(const Call& c) {
  const auto& weights = c.text(1).numbers;
  int64_t sum = 0;
  const int64_t from = c.place(c.args[0]);
  for (size_t i = 0; i < weights.size(); ++i) {
    const int number = c.number(from + static_cast<int64_t>(i));
    if (from < 0 || number < 0) return kNever;
    sum += number * weights[i];
  }
  return sum;
}

// Ends where the value does, or at a character that is no digit or letter; more of them than weights is never right.
int64_t weighted_leftwards(const Call& c) {
  const auto& weights = c.text(1).numbers;
  int64_t sum = 0;
  int64_t at = length(c) - 1 - c.args[0];
  for (size_t i = 0; at >= 0 && at < length(c) && c.number(at) >= 0; ++i, --at) {
    if (i == weights.size()) return kNever;
    sum += c.number(at) * weights[i];
  }
  return sum;
}

int64_t digit_sum(int64_t value) {
  int64_t sum = 0;
  for (; value > 0; value /= 10) sum += value % 10;
  return sum;
}

int64_t weighted_digits(const Call& c) {
  const auto& weights = c.text(1).numbers;
  int64_t sum = 0;
  const int64_t from = c.place(c.args[0]);
  for (size_t i = 0; i < weights.size(); ++i) {
    const int number = c.number(from + static_cast<int64_t>(i));
    if (from < 0 || number < 0) return kNever;
    sum += digit_sum(static_cast<int64_t>(number) * weights[i]);
  }
  return sum;
}

int64_t index_of(std::string_view alphabet, int code) {
  const size_t at = code < 0 ? std::string_view::npos : alphabet.find(static_cast<char>(code));
  return at == std::string_view::npos ? -1 : static_cast<int64_t>(at);
}

int64_t weighted_alphabet(const Call& c) {
  const auto& weights = c.text(2).numbers;
  int64_t sum = 0;
  const int64_t from = c.place(c.args[0]);
  for (size_t i = 0; i < weights.size(); ++i) {
    const int64_t at = from < 0 ? -1 : index_of(c.text(1).text, c.code(from + static_cast<int64_t>(i)));
    if (at < 0) return kNever;
    sum += at * weights[i];
  }
  return sum;
}

int64_t weighted_alphabet_digits(const Call& c) {
  const auto& weights = c.text(2).numbers;
  int64_t sum = 0;
  const int64_t from = c.place(c.args[0]);
  for (size_t i = 0; i < weights.size(); ++i) {
    const int64_t at = from < 0 ? -1 : index_of(c.text(1).text, c.code(from + static_cast<int64_t>(i)));
    if (at < 0) return kNever;
    sum += digit_sum(at * weights[i]);
  }
  return sum;
}

int64_t weighted_mapped(const Call& c) {
  const auto& map = c.text(1).numbers;
  const auto& weights = c.text(2).numbers;
  int64_t sum = 0;
  const int64_t from = c.place(c.args[0]);
  for (size_t i = 0; i < weights.size(); ++i) {
    const int number = from < 0 ? -1 : c.number(from + static_cast<int64_t>(i));
    if (number < 0 || static_cast<size_t>(number) >= map.size()) return kNever;
    sum += map[static_cast<size_t>(number)] * weights[i];
  }
  return sum;
}

int64_t position(const Call& c) {
  const size_t at = c.value.find(static_cast<char>(c.args[0]));
  return at == std::string_view::npos ? -1 : static_cast<int64_t>(at);
}

int64_t index(const Call& c) { return index_of(c.text(1).text, c.code(c.args[0])); }

int64_t at(const Call& c) {
  const std::string& alphabet = c.text(0).text;
  const int64_t i = c.args[1];
  return i < 0 || i >= static_cast<int64_t>(alphabet.size()) ? -2 : static_cast<unsigned char>(alphabet[static_cast<size_t>(i)]);
}

int64_t table(const Call& c) {
  const auto& numbers = c.text(0).numbers;
  const int64_t i = c.args[1];
  return i < 0 || i >= static_cast<int64_t>(numbers.size()) ? kNever : numbers[static_cast<size_t>(i)];
}

int64_t one_of(const Call& c) {
  const std::string_view part = c.part(c.args[0], c.args[1]);
  std::string_view list = c.text(2).text;
  while (!part.empty() && !list.empty()) {
    const size_t bar = std::min(list.find('|'), list.size());
    if (list.substr(0, bar) == part) return 1;
    list.remove_prefix(std::min(bar + 1, list.size()));
  }
  return 0;
}

int64_t all_in(const Call& c) {
  const std::string_view part = c.part(c.args[0], c.args[1]);
  return !part.empty() && part.find_first_not_of(c.text(2).text) == std::string_view::npos ? 1 : 0;
}

int64_t luhn_check(const Call& c) { return luhn(c.part(c.args[0], c.args[1])) ? 1 : 0; }

int64_t luhn_alphabet(const Call& c) {
  const std::string_view part = c.part(c.args[0], c.args[1]);
  const std::string_view alphabet = c.text(2).text;
  const auto base = static_cast<int64_t>(alphabet.size());
  int64_t sum = 0;
  bool twice = false;
  for (size_t i = part.size(); i-- > 0; twice = !twice) {
    const int64_t at = index_of(alphabet, part[i]);
    if (at < 0) return 0;
    const int64_t product = at * (twice ? 2 : 1);
    sum += product / base + product % base;
  }
  return !part.empty() && sum % base == 0 ? 1 : 0;
}

int64_t verhoeff_check(const Call& c) {
  const std::string_view part = c.part(c.args[0], c.args[1]);
  return !part.empty() && verhoeff(part) ? 1 : 0;
}

// The totally anti-symmetric quasigroup of order 10 (H. M. Damm, 2004).
int64_t damm_check(const Call& c) {
  constexpr uint8_t group[10][10] = {{0, 3, 1, 7, 5, 9, 8, 6, 4, 2}, {7, 0, 9, 2, 1, 5, 4, 8, 6, 3}, {4, 2, 0, 6, 8, 7, 1, 3, 5, 9},
                                     {1, 7, 5, 0, 9, 8, 3, 4, 2, 6}, {6, 1, 2, 3, 0, 4, 5, 9, 7, 8}, {3, 6, 7, 4, 2, 0, 9, 5, 8, 1},
                                     {5, 8, 6, 9, 7, 2, 0, 1, 3, 4}, {8, 9, 4, 5, 3, 6, 2, 0, 1, 7}, {9, 4, 3, 8, 6, 1, 7, 2, 0, 5},
                                     {2, 5, 8, 1, 4, 3, 6, 7, 9, 0}};
  const std::string_view part = c.part(c.args[0], c.args[1]);
  uint8_t state = 0;
  for (const char digit : part) {
    if (!is_digit(digit)) return 0;
    state = group[state][digit - '0'];
  }
  return !part.empty() && state == 0 ? 1 : 0;
}

// -1 for a character that is no digit or capital letter.
int64_t remainder_from(int64_t rest, std::string_view part, int64_t by) {
  for (const char letter : part) {
    const int number = is_digit(letter) ? letter - '0' : is_upper(letter) ? letter - 'A' + 10 : -1;
    if (number < 0) return -1;
    rest = (rest * (number > 9 ? 100 : 10) + number) % by;
  }
  return rest;
}

int64_t remainder(const Call& c) {
  const std::string_view part = c.part(c.args[0], c.args[1]);
  const int64_t by = c.args[2];
  return part.empty() || by <= 0 || by > 1'000'000 ? -1 : remainder_from(0, part, by);
}

int64_t remainder_rotated(const Call& c) {
  const std::string_view tail = c.part(c.args[0], 0);
  const std::string_view head = c.part(0, c.args[1]);
  const int64_t by = c.args[2];
  if (tail.empty() || head.empty() || by <= 0 || by > 1'000'000) return -1;
  const int64_t rest = remainder_from(0, tail, by);
  return rest < 0 ? -1 : remainder_from(rest, head, by);
}

int64_t luhn_expanded(const Call& c) {
  const std::string_view part = c.part(c.args[0], c.args[1]);
  std::array<char, 128> digits{};
  size_t size = 0;
  for (const char letter : part) {
    const int number = is_digit(letter) ? letter - '0' : is_upper(letter) ? letter - 'A' + 10 : -1;
    if (number < 0 || size + 2 > digits.size()) return 0;
    if (number > 9) digits[size++] = static_cast<char>('0' + number / 10);
    digits[size++] = static_cast<char>('0' + number % 10);
  }
  return luhn({digits.data(), size}) ? 1 : 0;
}

// The recursive modulo 10 of Swiss payment slips.
int64_t mod_10_recursive(const Call& c) {
  constexpr uint8_t next[] = {0, 9, 4, 6, 8, 2, 7, 1, 3, 5};
  int carry = 0;
  const std::string_view part = c.part(c.args[0], c.args[1]);
  for (const char digit : part) {
    if (!is_digit(digit)) return 0;
    carry = next[(carry + digit - '0') % 10];
  }
  return !part.empty() && carry == 0 ? 1 : 0;
}

// Ten times the number of characters that occur more than once, plus how often the commonest does.
int64_t repeats(const Call& c) {
  std::array<uint8_t, 256> counts{};
  for (const char letter : c.part(c.args[0], c.args[1])) ++counts[static_cast<unsigned char>(letter)];
  return 10 * std::count_if(counts.begin(), counts.end(), [](uint8_t n) { return n > 1; }) +
         *std::max_element(counts.begin(), counts.end());
}

// Turkey's tax number: each digit, shifted by its place, times a power of two modulo 9.
int64_t turkish_tax(const Call& c) {
  if (c.value.size() != 10) return 0;
  int sum = 0;
  for (int place = 1; place <= 9; ++place) {
    const int shifted = (c.number(9 - place) + place) % 10;
    const int rest = shifted * (1 << place) % 9;
    if (shifted > 0) sum += rest == 0 ? 9 : rest;
  }
  return c.number(9) == (10 - sum % 10) % 10 ? 1 : 0;
}

// ISO/IEC 7064's hybrid systems, MOD (n + 1), n for an alphabet of n characters.
int64_t hybrid(const Call& c) {
  const std::string_view part = c.part(c.args[0], c.args[1]);
  const std::string_view alphabet = c.text(2).text;
  const auto base = static_cast<int64_t>(alphabet.size());
  int64_t product = base;
  for (size_t i = 0; i < part.size(); ++i) {
    const int64_t at = index_of(alphabet, static_cast<unsigned char>(part[i]));
    if (at < 0) return 0;
    const int64_t sum = (product + at) % base;
    if (i + 1 == part.size()) return sum == 1 ? 1 : 0;
    product = (sum == 0 ? base : sum) * 2 % (base + 1);
  }
  return 0;
}

int64_t mod_11_10(const Call& c) {
  const std::string_view part = c.part(c.args[0], c.args[1]);
  int check = 5;
  for (const char digit : part) {
    if (!is_digit(digit)) return 0;
    check = ((check == 0 ? 10 : check) * 2 % 11 + (digit - '0')) % 10;
  }
  return !part.empty() && check == 1 ? 1 : 0;
}

int64_t mod_11_2(const Call& c) {
  const std::string_view part = c.part(c.args[0], c.args[1]);
  int check = 0;
  for (size_t i = 0; i < part.size(); ++i) {
    const int number = is_digit(part[i]) ? part[i] - '0' : part[i] == 'X' && i + 1 == part.size() ? 10 : -1;
    if (number < 0) return 0;
    check = (check * 2 + number) % 11;
  }
  return !part.empty() && check == 1 ? 1 : 0;
}

int64_t mod_37_36(const Call& c) {
  const std::string_view part = c.part(c.args[0], c.args[1]);
  int check = 18;
  for (const char letter : part) {
    const int number = is_digit(letter) ? letter - '0' : is_upper(letter) ? letter - 'A' + 10 : -1;
    if (number < 0) return 0;
    check = ((check == 0 ? 36 : check) * 2 % 37 + number) % 36;
  }
  return !part.empty() && check == 1 ? 1 : 0;
}

int64_t bitcoin(const Call& c) { return is_bitcoin_address(c.value) ? 1 : 0; }

int64_t date(const Call& c) {
  constexpr uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const int64_t year = c.args[0], month = c.args[1], day = c.args[2];
  if (year < 1 || month < 1 || month > 12 || day < 1) return 0;
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return day <= days[month - 1] + (month == 2 && leap ? 1 : 0) ? 1 : 0;
}

int64_t country(const Call& c) { return is_country(c.part(c.args[0], 2)) ? 1 : 0; }

constexpr Function kFunctions[] = {{"len", "", length},
                                   {"c", "i", value},
                                   {"ch", "i", character},
                                   {"n", "ii", digits},
                                   {"w", "it", weighted},
                                   {"wr", "it", weighted_leftwards},
                                   {"wd", "it", weighted_digits},
                                   {"wa", "itt", weighted_alphabet},
                                   {"wda", "itt", weighted_alphabet_digits},
                                   {"wm", "itt", weighted_mapped},
                                   {"pos", "i", position},
                                   {"idx", "it", index},
                                   {"at", "ti", at},
                                   {"tbl", "ti", table},
                                   {"in", "iit", one_of},
                                   {"all", "iit", all_in},
                                   {"luhn", "ii", luhn_check},
                                   {"luhna", "iit", luhn_alphabet},
                                   {"verhoeff", "ii", verhoeff_check},
                                   {"damm", "ii", damm_check},
                                   {"mod", "iii", remainder},
                                   {"modrot", "iii", remainder_rotated},
                                   {"luhnx", "ii", luhn_expanded},
                                   {"mod10r", "ii", mod_10_recursive},
                                   {"repeats", "ii", repeats},
                                   {"vkn", "", turkish_tax},
                                   {"bitcoin", "", bitcoin},
                                   {"hybrid", "iit", hybrid},
                                   {"m1110", "ii", mod_11_10},
                                   {"m112", "ii", mod_11_2},
                                   {"m3736", "ii", mod_37_36},
                                   {"date", "iii", date},
                                   {"country", "i", country}};

}  // namespace

int Call::code(int64_t i) const {
  const int64_t at = place(i);
  return at < 0 || at >= static_cast<int64_t>(value.size()) ? -1 : static_cast<unsigned char>(value[static_cast<size_t>(at)]);
}

int Call::number(int64_t i) const {
  const int letter = code(i);
  if (letter >= '0' && letter <= '9') return letter - '0';
  return letter >= 'A' && letter <= 'Z' ? letter - 'A' + 10 : -1;
}

std::string_view Call::part(int64_t i, int64_t k) const {
  const int64_t from = place(i);
  const auto size = static_cast<int64_t>(value.size());
  if (from < 0 || from >= size || k < 0 || k > size - from) return {};
  return value.substr(static_cast<size_t>(from), static_cast<size_t>(k == 0 ? size - from : k));
}

bool is_country(std::string_view code) {
  if (code.size() != 2 || !is_upper(code[0]) || !is_upper(code[1])) return false;
  for (size_t at = kCountries.find(code); at != std::string_view::npos; at = kCountries.find(code, at + 1)) {
    if (at % 3 == 0) return true;
  }
  return false;
}

std::span<const Function> functions() { return kFunctions; }

}  // namespace warden::classify
