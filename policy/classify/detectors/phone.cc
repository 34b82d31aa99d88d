// SPDX-License-Identifier: Apache-2.0
// Telephone numbers: international (ITU-T E.164: country code and national length), and national in the forms
// that North America, the United Kingdom, France, Germany and Spain write them; anything else needs a label.
#include <algorithm>

#include "policy/classify/chars.h"
#include "policy/classify/checks.h"
#include "policy/classify/tables.h"

namespace warden::classify {
namespace {

struct Plan {
  uint16_t country;
  uint8_t min;  // digits after the country code
  uint8_t max;
};
constexpr Plan kPlans[] = {
    {1, 10, 10},  {7, 10, 10},  {20, 8, 10},  {27, 9, 9},   {30, 10, 10}, {31, 8, 11},  {32, 8, 9},
    {33, 9, 9},   {34, 9, 9},   {36, 8, 9},   {39, 6, 12},  {40, 9, 9},   {41, 9, 9},   {43, 4, 13},
    {44, 7, 11},  {45, 8, 8},   {46, 7, 10},  {47, 5, 8},   {48, 9, 9},   {49, 6, 13},  {51, 8, 9},
    {52, 10, 11}, {53, 6, 8},   {54, 10, 11}, {55, 10, 11}, {56, 8, 9},   {57, 8, 10},  {58, 10, 10},
    {60, 8, 10},  {61, 9, 9},   {62, 7, 12},  {63, 8, 10},  {64, 8, 10},  {65, 8, 8},   {66, 8, 9},
    {81, 9, 10},  {82, 8, 10},  {84, 9, 10},  {86, 9, 11},  {90, 10, 10}, {91, 10, 10}, {92, 9, 10},
    {93, 9, 9},   {94, 9, 9},   {95, 6, 10},  {98, 10, 10}, {211, 9, 9},  {212, 9, 9},  {213, 8, 9},
    {216, 8, 8},  {218, 8, 9},  {220, 7, 7},  {221, 9, 9},  {222, 8, 8},  {223, 8, 8},  {224, 8, 9},
    {225, 8, 10}, {226, 8, 8},  {227, 8, 8},  {228, 8, 8},  {229, 8, 10}, {230, 7, 8},  {231, 7, 9},
    {232, 8, 8},  {233, 9, 9},  {234, 7, 10}, {235, 8, 8},  {236, 8, 8},  {237, 8, 9},  {238, 7, 7},
    {239, 7, 7},  {240, 9, 9},  {241, 7, 8},  {242, 9, 9},  {243, 7, 9},  {244, 9, 9},  {245, 7, 9},
    {246, 7, 7},  {247, 4, 6},  {248, 7, 7},  {249, 9, 9},  {250, 8, 9},  {251, 9, 9},  {252, 6, 9},
    {253, 8, 8},  {254, 7, 10}, {255, 9, 9},  {256, 9, 9},  {257, 8, 8},  {258, 8, 9},  {260, 9, 9},
    {261, 9, 9},  {262, 9, 9},  {263, 5, 10}, {264, 8, 9},  {265, 7, 9},  {266, 8, 8},  {267, 7, 8},
    {268, 8, 8},  {269, 7, 7},  {290, 4, 5},  {291, 7, 7},  {297, 7, 7},  {298, 6, 6},  {299, 6, 6},
    {350, 8, 8},  {351, 9, 9},  {352, 4, 11}, {353, 7, 10}, {354, 7, 9},  {355, 6, 9},  {356, 8, 8},
    {357, 8, 8},  {358, 5, 12}, {359, 6, 9},  {370, 8, 8},  {371, 8, 8},  {372, 7, 8},  {373, 8, 8},
    {374, 8, 8},  {375, 9, 10}, {376, 6, 9},  {377, 8, 9},  {378, 6, 10}, {380, 9, 9},  {381, 7, 12},
    {382, 8, 9},  {383, 8, 12}, {385, 6, 9},  {386, 8, 8},  {387, 8, 9},  {389, 8, 8},  {420, 9, 9},
    {421, 9, 9},  {423, 7, 9},  {500, 5, 5},  {501, 7, 7},  {502, 8, 8},  {503, 7, 8},  {504, 8, 8},
    {505, 8, 8},  {506, 8, 8},  {507, 7, 8},  {508, 6, 9},  {509, 8, 8},  {590, 9, 9},  {591, 8, 9},
    {592, 7, 7},  {593, 8, 9},  {594, 9, 9},  {595, 7, 9},  {596, 9, 9},  {597, 6, 7},  {598, 7, 8},
    {599, 7, 8},  {670, 7, 8},  {672, 5, 6},  {673, 7, 7},  {674, 7, 7},  {675, 7, 8},  {676, 5, 7},
    {677, 5, 7},  {678, 5, 7},  {679, 7, 7},  {680, 7, 7},  {681, 6, 6},  {682, 5, 5},  {683, 4, 7},
    {685, 5, 7},  {686, 5, 8},  {687, 6, 6},  {688, 5, 7},  {689, 6, 8},  {690, 4, 7},  {691, 7, 7},
    {692, 7, 7},  {800, 8, 8},  {808, 8, 8},  {850, 8, 10}, {852, 8, 8},  {853, 8, 8},  {855, 8, 9},
    {856, 8, 10}, {870, 9, 9},  {880, 6, 10}, {881, 9, 10}, {882, 7, 12}, {883, 9, 12}, {886, 8, 9},
    {960, 7, 7},  {961, 7, 8},  {962, 8, 9},  {963, 8, 9},  {964, 8, 10}, {965, 7, 8},  {966, 8, 9},
    {967, 7, 9},  {968, 7, 8},  {970, 8, 9},  {971, 8, 9},  {972, 8, 9},  {973, 8, 8},  {974, 7, 8},
    {975, 7, 8},  {976, 8, 8},  {977, 8, 10}, {992, 9, 9},  {993, 8, 8},  {994, 9, 9},  {995, 9, 9},
    {996, 9, 9},  {998, 9, 9}};

bool nanp_valid(std::string_view ten) {
  return ten[0] >= '2' && ten[3] >= '2' && ten.substr(1, 2) != "11" && ten.substr(4, 2) != "11";
}
// 555-0100 to 555-0199 are kept for fiction.
bool nanp_fiction(std::string_view ten) {
  return ten.substr(3, 5) == "55501";
}

bool international(std::string_view digits) {
  for (size_t width = 1; width <= 3; ++width) {
    const auto country = static_cast<uint16_t>(number(digits.substr(0, width)));
    const Plan* plan = std::lower_bound(std::begin(kPlans), std::end(kPlans), country,
                                        [](const Plan& p, uint16_t code) { return p.country < code; });
    // Sorted by code within one width; widths do not share prefixes, so the first that fits is the one.
    if (plan == std::end(kPlans) || plan->country != country || digits[0] == '0') continue;
    size_t rest = digits.size() - width;
    if (digits[width] == '0' && rest > plan->max) --rest;  // +44 (0)20 ...
    if (rest < plan->min || rest > plan->max) return false;
    return country != 1 || nanp_valid(digits.substr(1));
  }
  return false;
}

// "tel:" belongs to the number (RFC 3966), and so does a bracket that closes inside it.
uint32_t number_begin(const Candidate& c, uint32_t begin) {
  if (at_or_nul(c.text, begin - 1) == '(' &&
      c.text.substr(begin, c.span.end - begin).find(')') != std::string_view::npos)
    --begin;
  if (begin >= 4 && equals_nocase(c.text.substr(begin - 4, 4), "tel:") &&
      !is_word(at_or_nul(c.text, begin - 5)))
    begin -= 4;
  return begin;
}

bool e164(const Candidate& c, Match& match) {
  if (at_or_nul(c.text, c.span.begin - 1) != '+' || is_word(at_or_nul(c.text, c.span.begin - 2)))
    return false;
  if (is_word(at_or_nul(c.text, c.span.end)) || !international(c.digits)) return false;
  match.span.begin = number_begin(c, c.span.begin - 1);
  match.confidence = c.after == 0 ? 95 : 70;
  const bool fiction = c.digits[0] == '1' && nanp_fiction(c.digits.substr(1));
  if (fiction || all_same(c.digits.substr(3))) match.tier = Tier::suppressed;
  return true;
}

template <size_t N>
bool grouped(const Candidate& c, const uint8_t (&form)[N]) {
  return c.groups.size() == N && std::equal(c.groups.begin(), c.groups.end(), std::begin(form));
}

uint8_t nanp_form(const Candidate& c) {
  const bool one = c.digits.size() == 11 && c.digits[0] == '1';
  if (c.digits.size() != 10 && !one) return 0;
  if (!nanp_valid(c.digits.substr(one ? 1 : 0))) return 0;
  const size_t area =
      one ? c.text.find('(', c.span.begin) + 1 : c.span.begin;  // "(212) 555...", "1 (212) 555..."
  const bool bracket =
      area > 0 && area < c.span.end && c.text[area - 1] == '(' && at_or_nul(c.text, area + 3) == ')';
  const bool shape = one ? grouped(c, {1, 3, 3, 4}) : grouped(c, {3, 3, 4});
  if (!shape) return 0;
  if (bracket) return 80;
  return c.separator == '-' || c.separator == '.' ? 75 : 30;
}

uint8_t european_form(const Candidate& c) {
  const std::string_view d = c.digits;
  if (grouped(c, {2, 2, 2, 2, 2}) && d[0] == '0' && d[1] != '0' && c.separator != kMixed)
    return 80;  // France
  const bool british =
      d.size() == 11 && d[0] == '0' && std::string_view("12378").find(d[1]) != std::string_view::npos &&
      (grouped(c, {3, 4, 4}) || grouped(c, {4, 3, 4}) || grouped(c, {5, 6}) || grouped(c, {5, 3, 3}));
  if (british) return c.separator == ' ' ? 75 : 55;
  const bool german = d[0] == '0' && d[1] != '0' && d.size() >= 8 && d.size() <= 12 && c.groups.size() == 2 &&
                      c.groups[0] >= 3 && c.groups[0] <= 5 && c.groups[1] >= 4;
  if (german) return c.separator == '/' || c.separator == kMixed ? 70 : 45;
  const bool spanish = d.size() == 9 && d[0] >= '6' && (grouped(c, {3, 3, 3}) || grouped(c, {3, 2, 2, 2})) &&
                       c.separator == ' ';
  return spanish ? 45 : 0;
}

bool outside_token(const Candidate& c) {
  const char before = at_or_nul(c.text, c.span.begin - 1);
  return !is_word(before) && before != '+' && before != '$' && !is_word(at_or_nul(c.text, c.span.end)) &&
         c.before == 0 && c.after == 0;
}

bool national(const Candidate& c, Match& match) {
  if (!outside_token(c)) return false;
  match.confidence = std::max(nanp_form(c), european_form(c));
  if (match.confidence == 0) return false;
  match.span.begin = number_begin(c, c.span.begin);
  const bool one = c.digits[0] == '1';
  if (all_same(c.digits) || (c.digits.size() >= 10 && nanp_fiction(c.digits.substr(one ? 1 : 0))))
    match.tier = Tier::suppressed;
  return true;
}

// Any digits that a label calls a telephone number: the plans of all countries together have 4 to 13
// national digits; four that could be a year are not sure.
bool labelled(const Candidate& c, Match& match) {
  if (!outside_token(c) || c.groups.size() > 7) return false;
  match.span.begin = number_begin(c, c.span.begin);
  const bool year = c.digits.size() == 4 && (c.digits.starts_with("19") || c.digits.starts_with("20"));
  match.tier = year ? Tier::asserted : Tier::validated;
  if (all_same(c.digits) || (c.digits.size() == 10 && nanp_fiction(c.digits))) match.tier = Tier::suppressed;
  return true;
}

// With a plus and a label, whatever its length: what its country's plan does not know is a slip.
bool malformed(const Candidate& c, Match& match) {
  if (at_or_nul(c.text, c.span.begin - 1) != '+' || is_word(at_or_nul(c.text, c.span.begin - 2)) || is_word(at_or_nul(c.text, c.span.end))) return false;
  if (international(c.digits) || c.after > 0) return false;
  match.span.begin = number_begin(c, c.span.begin - 1);
  match.tier = Tier::asserted;
  return true;
}

// A number kept for fiction that a label calls a telephone number is taken at its word.
bool named_fiction(const Candidate& c, Match& match) {
  const bool one = c.digits.size() == 11;
  if ((one && c.digits[0] != '1') || !nanp_fiction(c.digits.substr(one ? 1 : 0))) return false;
  const bool plus = at_or_nul(c.text, c.span.begin - 1) == '+';
  if (plus ? !one : !outside_token(c)) return false;
  match.span.begin = number_begin(c, c.span.begin - (plus ? 1 : 0));
  return !is_word(at_or_nul(c.text, c.span.end));
}

constexpr std::string_view kLabels =
    "phone|phone number|phone no|telephone|tel|tel no|mobile|mobile number|cell|cell phone|cell "
    "number|cellphone|fax|whatsapp|sms|"
    "contact number|call me on|call me at|reach me at|text me "
    "at|telefon|telefonnummer|rufnummer|handynummer|handy|mobil|mobilnummer|"
    "telefono|teléfono|telefone|móvil|movil|celular|téléphone|tél|portable|numéro de "
    "téléphone|telefoon|cellulare|gsm|tlf|"
    "telefonszám|puhelin|telefonnr|電話|电话|전화|телефон";

// Four to six digits are many things; only these words make them a telephone number.
constexpr std::string_view kStrictLabels =
    "phone|phone number|phone no|telephone|telephone number|tel|tel "
    "no|telefon|telefonnummer|telefono|teléfono|telefone|téléphone|telefoon";

constexpr Detector kRows[] = {
    {"pii.phone_e164", "pii.contact", Trigger::number, e164, lengths(7, 15), kLabels, {}, {}, 97, 99},
    {"pii.phone_national", "pii.contact", Trigger::number, national, lengths(8, 12), kLabels, {}, {}, 85, 95},
    {"pii.phone_national", "pii.contact", Trigger::number, named_fiction, lengths(10, 11), kLabels, {}, {}, 0, 100},
    {"pii.phone_national", "pii.contact", Trigger::number, malformed, lengths(7, 14), kLabels, {}, {}, 0, 80},
    {"pii.phone_national", "pii.contact", Trigger::number, labelled, lengths(7, 14), kLabels, {}, {}, 0, 85},
    {"pii.phone_national",
     "pii.contact",
     Trigger::number,
     labelled,
     lengths(4, 6),
     kStrictLabels,
     {},
     {},
     0,
     75},
};

}  // namespace

std::span<const Detector> phone_detectors() {
  return kRows;
}

}  // namespace warden::classify
