// SPDX-License-Identifier: Apache-2.0
// Spain: DNI/NIF and NIE (Real Decreto 1553/2005 and Orden INT/2058/2008): number modulo 23 gives the control
// letter.
#include "policy/classify/chars.h"
#include "policy/classify/checks.h"
#include "policy/classify/tables.h"

namespace warden::classify {
namespace {

constexpr std::string_view kLetters = "TRWAGMYFPDXBNJZSQVHLCKE";

// The control letter behind the digits, perhaps after a dash or space. Sets the end of the match.
bool control_letter(const Candidate& c, uint64_t value, Match& match) {
  uint32_t at = c.span.end;
  const char gap = at_or_nul(c.text, at);
  if (gap == '-' || gap == ' ') ++at;
  const char letter = at_or_nul(c.text, at);
  if (upper(letter) != kLetters[value % 23] || is_word(at_or_nul(c.text, at + 1))) return false;
  match.span.end = at + 1;
  // "12345678 a" may be a number followed by a word.
  match.confidence = gap == ' ' ? 0 : is_upper(letter) ? 88 : 60;
  if (all_same(c.digits) || sequential(c.digits)) match.tier = Tier::suppressed;
  return true;
}

bool dni(const Candidate& c, Match& match) {
  const bool dotted = c.groups.size() == 3 && c.groups[0] == 2 && c.groups[1] == 3 && c.separator != kMixed;
  if ((c.groups.size() != 1 && !dotted) || is_word(at_or_nul(c.text, c.span.begin - 1)) || c.before > 0)
    return false;
  return control_letter(c, number(c.digits), match);
}

bool nie(const Candidate& c, Match& match) {
  const bool dotted = c.groups.size() == 3 && c.groups[0] == 1 && c.groups[1] == 3 && c.separator != kMixed;
  if (c.groups.size() != 1 && !dotted) return false;
  uint32_t begin = c.span.begin;
  const char gap = at_or_nul(c.text, begin - 1);
  if (gap == '-' || gap == ' ') --begin;
  const char letter = upper(at_or_nul(c.text, begin - 1));
  if (letter < 'X' || letter > 'Z' || is_word(at_or_nul(c.text, begin - 2))) return false;
  if (!control_letter(c, static_cast<uint64_t>(letter - 'X') * 10'000'000 + number(c.digits), match))
    return false;
  match.span.begin = begin - 1;
  return true;
}

constexpr Detector kRows[] = {
    {"es.dni_nif",
     "pii.gov",
     Trigger::number,
     dni,
     1 << 8,
     "dni|nif|documento nacional de identidad|documento de identidad|d.n.i.|n.i.f.",
     {},
     "12345678Z|00000000T|00000001R|99999999R|54362315K",
     92,
     99},
    {"es.nie",
     "pii.gov",
     Trigger::number,
     nie,
     1 << 7,
     "nie|n.i.e.|número de identidad de extranjero|tie|nif",
     {},
     "X1234567L|X0000000T|Y0000000Z|Z0000000M",
     92,
     99},
};

}  // namespace

std::span<const Detector> es_detectors() {
  return kRows;
}

}  // namespace warden::classify
