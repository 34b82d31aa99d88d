// SPDX-License-Identifier: Apache-2.0
// Payment cards (ISO/IEC 7812-1): issuer range, length, Luhn, and a grouping that cards are written in. One
// row per issuer.
#include <array>

#include "policy/classify/chars.h"
#include "policy/classify/checks.h"
#include "policy/classify/tables.h"

namespace warden::classify {
namespace {

struct Range {
  uint32_t from;  // first six digits, inclusive
  uint32_t to;
  uint64_t lengths;
};

// As printed on cards; anything else needs a label. One digit at a time is how people dodge filters.
bool card_grouping(std::span<const uint8_t> groups) {
  constexpr std::array<std::array<uint8_t, 5>, 7> forms = {{{4, 4, 4, 4, 0},
                                                            {4, 6, 5, 0, 0},
                                                            {4, 6, 4, 0, 0},
                                                            {4, 4, 4, 1, 0},
                                                            {4, 4, 4, 4, 2},
                                                            {4, 4, 4, 4, 3},
                                                            {4, 4, 5, 0, 0}}};
  if (groups.size() == 1) return true;
  for (const auto& form : forms) {
    size_t i = 0;
    while (i < groups.size() && i < form.size() && form[i] == groups[i]) ++i;
    if (i == groups.size() && (i == form.size() || form[i] == 0)) return true;
  }
  return false;
}

bool spelled_out(std::span<const uint8_t> groups) {
  for (const uint8_t group : groups) {
    if (group != 1) return false;
  }
  return true;
}

// A neighbour of a card's own group size is the next column of a table of numbers.
bool in_columns(const Candidate& c) {
  if (c.groups.size() == 1) return false;
  // "DE66 6573 2785 ...": the group before ends a token with letters, so these are the token's own groups.
  const bool in_token = c.before > 0 && is_alpha(at_or_nul(c.text, c.span.begin - 2 - c.before));
  return in_token || c.before == c.groups.front() || c.after == c.groups.back();
}

bool stands_alone(const Candidate& c) {
  const char before = at_or_nul(c.text, c.span.begin - 1);
  const char after = at_or_nul(c.text, c.span.end);
  if (is_word(before) || is_word(after) || before == '+') return false;
  const bool decimal = before == '.' && is_digit(at_or_nul(c.text, c.span.begin - 2));
  return !decimal && !(c.groups.size() == 1 && (c.before > 0 || c.after > 4));
}

bool card(const Candidate& c, Match& match, std::span<const Range> ranges) {
  if (!stands_alone(c)) return false;
  const auto prefix = static_cast<uint32_t>(number(c.digits.substr(0, 6)));
  bool issued = false;
  for (const Range& range : ranges) {
    issued =
        issued || (prefix >= range.from && prefix <= range.to && (range.lengths >> c.digits.size() & 1) != 0);
  }
  if (!issued || !luhn(c.digits)) return false;
  if (distinct(c.digits) < 3) match.tier = Tier::suppressed;
  if (c.separator == kMixed || in_columns(c)) return true;  // only with a label
  if (c.groups.size() == 1) match.confidence = 85;
  if (c.groups.size() > 1) match.confidence = card_grouping(c.groups) ? 92 : (spelled_out(c.groups) ? 80 : 0);
  return true;
}

constexpr uint64_t k16 = uint64_t{1} << 16;
constexpr uint64_t k13to19 = (uint64_t{1} << 13) | k16 | (uint64_t{1} << 19);
constexpr Range kVisa[] = {{400000, 499999, k13to19}};
constexpr Range kMastercard[] = {{510000, 559999, k16}, {222100, 272099, k16}};
constexpr Range kAmex[] = {{340000, 349999, 1 << 15}, {370000, 379999, 1 << 15}};
constexpr Range kDiscover[] = {
    {601100, 601199, lengths(16, 19)}, {644000, 649999, lengths(16, 19)}, {650000, 659999, lengths(16, 19)}};
constexpr Range kDiners[] = {{300000, 305999, lengths(14, 19)},
                             {309500, 309599, lengths(14, 19)},
                             {360000, 369999, lengths(14, 19)},
                             {380000, 399999, lengths(14, 19)}};
constexpr Range kJcb[] = {{352800, 358999, lengths(16, 19)}};
constexpr Range kUnionPay[] = {{620000, 629999, lengths(16, 19)}, {810000, 817199, lengths(16, 19)}};
// Maestro, RuPay (60, 65, 81, 82, 508), Mir (2200-2204), Elo and Troy (9792).
constexpr Range kOthers[] = {{500000, 509999, lengths(12, 19)},
                             {560000, 589999, lengths(12, 19)},
                             {600000, 601099, lengths(12, 19)},
                             {601200, 619999, lengths(12, 19)},
                             {630000, 643999, lengths(12, 19)},
                             {660000, 699999, lengths(12, 19)},
                             {220000, 220499, lengths(16, 19)},
                             {817200, 829999, k16},
                             {979200, 979299, k16}};

bool visa(const Candidate& c, Match& m) {
  return card(c, m, kVisa);
}
bool mastercard(const Candidate& c, Match& m) {
  return card(c, m, kMastercard);
}
bool amex(const Candidate& c, Match& m) {
  return card(c, m, kAmex);
}
bool discover(const Candidate& c, Match& m) {
  return card(c, m, kDiscover);
}
bool diners(const Candidate& c, Match& m) {
  return card(c, m, kDiners);
}
bool jcb(const Candidate& c, Match& m) {
  return card(c, m, kJcb);
}
bool unionpay(const Candidate& c, Match& m) {
  return card(c, m, kUnionPay);
}

// Ranges as wide as these, with lengths down to 12, need a word beside them unless grouped like a card.
bool maestro(const Candidate& c, Match& m) {
  if (!card(c, m, kOthers)) return false;
  const bool common = c.digits.size() == 16 && m.confidence >= 80;
  m.confidence = common ? (c.groups.size() > 1 ? 80 : 55) : 0;
  return true;
}

constexpr std::string_view kLabels =
    "card|card number|card no|card num|credit card|debit card|payment card|cardholder|cc|ccn|cc "
    "number|ccnum|pan|primary "
    "account number|visa|mastercard|amex|american "
    "express|discover|diners|jcb|unionpay|maestro|rupay|mir|elo|pay with|"
    "pago|tarjeta|carte bancaire|carte de crédit|kreditkarte|kartennummer|carta di "
    "credito|cartão|creditcard|kort";
constexpr uint8_t kNear = 90;
constexpr uint8_t kLabelled = 99;

// Numbers that payment processors publish for tests.
constexpr std::string_view kTestVisa =
    "4111111111111111|4242424242424242|4012888888881881|4012000033330026|4000056655665556|4222222222222|"
    "4000000000000002|4000000000009995|4917610000000000|4917300800000000|4508750015741019|4462030000000000|"
    "4000002500003155|4000000000003220|4000000000000077|4000000000000069|4000000000000119|4000000000000127|"
    "4000000000000341|4000000000009987|4000000000000101|4000000000003055|4000008260000000|4444333322221111";
constexpr std::string_view kTestMastercard =
    "5555555555554444|5105105105105100|2223003122003222|5200828282828210|5454545454545454|5424000000000015|"
    "2223000048400011|5500000000000004|5431111111111111|2222420000001113|5333171033425866|5555341244441115";
constexpr std::string_view kTestAmex =
    "378282246310005|371449635398431|378734493671000|340000000000009|370000000000002|"
    "343434343434343|374245455400126|374251018720018";
constexpr std::string_view kTestDiscover =
    "6011111111111117|6011000990139424|6011000000000004|6011981111111113|6011601160116611|6011000400000000|"
    "6445644564456445";
constexpr std::string_view kTestDiners =
    "30569309025904|38520000023237|36227206271667|3056930009020004|36700102000000|36148900647913";

constexpr Detector kRows[] = {
    {"pan.visa", "pci", Trigger::number, visa, k13to19, kLabels, {}, kTestVisa, kNear, kLabelled},
    {"pan.mastercard",
     "pci",
     Trigger::number,
     mastercard,
     k16,
     kLabels,
     {},
     kTestMastercard,
     kNear,
     kLabelled},
    {"pan.amex", "pci", Trigger::number, amex, 1 << 15, kLabels, {}, kTestAmex, kNear, kLabelled},
    {"pan.discover",
     "pci",
     Trigger::number,
     discover,
     lengths(16, 19),
     kLabels,
     {},
     kTestDiscover,
     kNear,
     kLabelled},
    {"pan.diners",
     "pci",
     Trigger::number,
     diners,
     lengths(14, 19),
     kLabels,
     {},
     kTestDiners,
     kNear,
     kLabelled},
    {"pan.jcb",
     "pci",
     Trigger::number,
     jcb,
     lengths(16, 19),
     kLabels,
     {},
     "3530111333300000|3566002020360505|3569990010095841|3566111111111113",
     kNear,
     kLabelled},
    {"pan.unionpay",
     "pci",
     Trigger::number,
     unionpay,
     lengths(16, 19),
     kLabels,
     {},
     "6200000000000005|6200000000000047|6205500000000000004|6240008631401148",
     kNear,
     kLabelled},
    {"pan.maestro_rupay_mir_elo",
     "pci",
     Trigger::number,
     maestro,
     lengths(12, 19),
     kLabels,
     {},
     "6759649826438453|6304000000000000|5018000000000009|6799990100000000019|6771798021000008|"
     "6771798025000004|5019717010103742|6062826786276634",
     kNear,
     kLabelled},
};

}  // namespace

std::span<const Detector> card_detectors() {
  return kRows;
}

}  // namespace warden::classify
