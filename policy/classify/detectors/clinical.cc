// SPDX-License-Identifier: Apache-2.0
// What clinical reports and letterheads say of a person in running text: age, sex, dates in words, hospital, postcode with its city,
// country. Lexical; each needs the words around it that make it personal.
#include <algorithm>

#include "policy/classify/chars.h"
#include "policy/classify/checks.h"
#include "policy/classify/tables.h"

namespace warden::classify {
namespace {

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

std::string_view before(const Candidate& c, uint32_t at, uint32_t reach) {
  const uint32_t from = at > reach ? at - reach : 0;
  const std::string_view text = c.text.substr(from, at - from);
  const size_t line = text.rfind('\n');
  return line == std::string_view::npos ? text : text.substr(line + 1);
}

template <class List>
bool any_in(const List& list, std::string_view text) {
  return std::any_of(std::begin(list), std::end(list), [&](std::string_view one) { return contains(text, one); });
}

bool lexical(Match& match, uint32_t begin, uint32_t end, uint8_t confidence) {
  match.span = {begin, end};
  match.tier = Tier::lexical;
  match.confidence = confidence;
  return end > begin;
}

constexpr std::string_view kUnits[] = {" años", " meses", " mes", " semanas", " días", "-year-old", " years old", " years of age", " year old", " Jahre alt", " ans", " anni"};
constexpr std::string_view kOfAge[] = {"dad:", "ge:", "aged ", "arón de ", "ujer de ", "aciente de ", "iño de ", "iña de ", "ombre de ", "actante de ", "emenino de ", "asculino de ", "aucásica de ", "lter:"};

bool age(const Candidate& c, Match& match) {
  if (c.groups.size() != 1 || is_word(at_or_nul(c.text, c.span.begin - 1)) || number(c.digits) > 120) return false;
  const std::string_view rest = c.text.substr(c.span.end, 24);
  const auto* unit = std::find_if(std::begin(kUnits), std::end(kUnits), [&](std::string_view u) { return rest.starts_with(u); });
  if (unit == std::end(kUnits)) {  // "Edad: 26 Sexo: H"
    const std::string_view label = before(c, c.span.begin, 6);
    return label.ends_with("Edad: ") && (rest.starts_with(" ") || rest.starts_with(".")) && lexical(match, c.span.begin, c.span.end, 65);
  }
  const std::string_view behind = rest.substr(unit->size());
  const bool said = behind.starts_with(" de edad") || behind.starts_with(" de vida") || *unit == "-year-old" || *unit == " years old" || *unit == " year old" || *unit == " years of age" || *unit == " Jahre alt";
  if (!said && !any_in(kOfAge, before(c, c.span.begin, 14))) return false;
  return lexical(match, c.span.begin, c.span.end + static_cast<uint32_t>(unit->size()), 75);
}

// "Varón de 45 años", "mujer de 30 años"
bool sex_word(const Candidate& c, Match& match) {
  if (is_word(at_or_nul(c.text, c.span.begin - 1))) return false;
  const std::string_view rest = c.text.substr(c.span.end, 12);
  const bool age_follows = (rest.starts_with(" de ") && is_digit(at_or_nul(rest, 4))) || (rest.starts_with(", de ") && is_digit(at_or_nul(rest, 5)));
  return age_follows && lexical(match, c.span.begin, c.span.end, 70);
}

// "3 de mayo de 2003", "septiembre de 2005", "diciembre-03"
bool month(const Candidate& c, Match& match) {
  if (is_word(at_or_nul(c.text, c.span.begin - 1))) return false;
  uint32_t end = c.span.end;
  for (const std::string_view joint : {" de ", " del ", " del año ", " ", "-", "/"}) {
    if (c.text.substr(end, joint.size()) != joint || !is_digit(at_or_nul(c.text, end + joint.size()))) continue;
    end += static_cast<uint32_t>(joint.size());
    break;
  }
  if (end == c.span.end) return false;
  const uint32_t digits = end;
  while (is_digit(at_or_nul(c.text, end))) ++end;
  if ((end - digits != 4 && end - digits != 2) || is_word(at_or_nul(c.text, end))) return false;
  uint32_t begin = c.span.begin;
  if (begin >= 5 && c.text.substr(begin - 4, 4) == " de " && is_digit(c.text[begin - 5])) {
    begin -= 5;
    while (begin > 0 && is_digit(c.text[begin - 1])) --begin;
  }
  return lexical(match, begin, end, 65);
}

uint32_t capital_words(std::string_view text, uint32_t at, int words_max) {
  constexpr std::string_view particles[] = {"de", "la", "del", "las", "los", "el", "y", "i", "d'", "of", "the", "and"};
  uint32_t end = at;
  for (int words = 0; words < words_max; ++words) {
    uint32_t stop = at;
    while (is_alpha(at_or_nul(text, stop)) || static_cast<unsigned char>(at_or_nul(text, stop)) >= 0xC2 || (stop > at && (static_cast<unsigned char>(at_or_nul(text, stop)) & 0xC0) == 0x80) || at_or_nul(text, stop) == '\'' || at_or_nul(text, stop) == '-') ++stop;
    const std::string_view word = text.substr(at, stop - at);
    const bool capital = !word.empty() && (is_upper(word[0]) || static_cast<unsigned char>(word[0]) >= 0xC3);
    if (capital) end = stop;
    if (!capital && std::find(std::begin(particles), std::end(particles), word) == std::end(particles)) break;
    if (at_or_nul(text, stop) != ' ') break;
    at = stop + 1;
  }
  return end;
}

// "Hospital Universitario de Getafe": the kind of house and the capitalised words behind it.
bool hospital(const Candidate& c, Match& match) {
  if (is_word(at_or_nul(c.text, c.span.begin - 1))) return false;
  uint32_t end = capital_words(c.text, c.span.end, 9);
  for (const std::string_view stop : {" Servicio", " Avda", " Avenida", " Calle", " C/", " Departamento", " Unidad", " Paseo", " Plaza"}) {
    const size_t at = c.text.substr(0, end).find(stop, c.span.end);
    if (at != std::string_view::npos) end = static_cast<uint32_t>(at);
  }
  for (const std::string_view stop : {" E-mail", " E-", " Tel", " Ctra", " Av", " Correo"}) {
    const size_t at = c.text.substr(0, end).find(stop, c.span.end);
    if (at != std::string_view::npos) end = static_cast<uint32_t>(at);
  }
  if (end > c.span.end + 2 && c.text[end - 2] == ' ') end -= 2;  // the beginning of "C/"
  return end > c.span.end && lexical(match, c.span.begin, end, 70);
}

// Kin, where a report speaks of a patient.
bool relative(const Candidate& c, Match& match) {
  if (is_word(at_or_nul(c.text, c.span.begin - 1)) || is_word(at_or_nul(c.text, c.span.end))) return false;
  const uint32_t from = c.span.begin > 600 ? c.span.begin - 600 : 0;
  return contains(c.text.substr(from, c.span.begin - from), "aciente") && lexical(match, c.span.begin, c.span.end, 55);
}

constexpr std::string_view kLetterhead[] = {"C/", "c/", "Calle", "calle", "Av", "Plaza", "Paseo", "Hospital", "Ctra", "Carretera", "s/n", "Clínica", "Universi", "Servicio", "Centro", "Pza", "Passeig", "Camino", "Ronda", "Facultad", "Departamento", "Dr", "Camí", "Carrer"};

bool in_letterhead(const Candidate& c) {
  return any_in(kLetterhead, before(c, c.span.begin, 120)) || contains(c.text.substr(c.span.end, 60), "mail");
}

bool postcode(const Candidate& c, Match& match) {
  if (c.groups.size() != 1 || is_word(at_or_nul(c.text, c.span.begin - 1)) || number(c.digits) < 1000 || number(c.digits) > 52999) return false;
  const uint32_t city = c.span.end + (at_or_nul(c.text, c.span.end) == '-' || at_or_nul(c.text, c.span.end) == '.' || at_or_nul(c.text, c.span.end) == ',' ? 2 : 1);
  return city - c.span.end <= 2 && at_or_nul(c.text, city - 1) == ' ' && capital_words(c.text, city, 4) > city && in_letterhead(c) && lexical(match, c.span.begin, c.span.end, 65);
}

bool city(const Candidate& c, Match& match) {
  Match code = match;
  if (!postcode(c, code)) return false;
  uint32_t begin = c.span.end;
  while (!is_word(at_or_nul(c.text, begin))) ++begin;
  uint32_t end = capital_words(c.text, begin, 6);
  for (const std::string_view stop : {" España", " Tel", " Tfno", " Teléfono", " E-mail", " Email", " Correo", " Fax", " Spain", " Tlf", " Dr"}) {
    const size_t at = c.text.substr(0, end).find(stop, begin);
    if (at != std::string_view::npos) end = static_cast<uint32_t>(at);
  }
  return lexical(match, begin, end, 65);
}

bool country_word(const Candidate& c, Match& match) {
  if (is_word(at_or_nul(c.text, c.span.begin - 1)) || is_word(at_or_nul(c.text, c.span.end))) return false;
  const std::string_view line = before(c, c.span.begin, 120);
  const bool code = std::count_if(line.begin(), line.end(), is_digit) >= 4;
  return code && in_letterhead(c) && lexical(match, c.span.begin, c.span.end, 60);
}

constexpr Detector kRows[] = {
    {"pii.age", "pii", Trigger::number, age, lengths(1, 3), {}, {}, {}, 0, 0},
    {"pii.sex", "pii", Trigger::literal, sex_word, 0, {}, "varón|Varón|mujer|Mujer|niña|Niña|niño|Niño|hombre|Hombre", {}, 0, 0},
    {"phi.date", "phi", Trigger::keyword, month, 0, "enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre", {}, {}, 0, 0},
    {"phi.hospital", "phi", Trigger::literal, hospital, 0, {}, "Hospital |Clínica ", {}, 0, 0},
    {"phi.relative", "phi", Trigger::keyword, relative, 0, "padre|madre|padres|hermano|hermana|hermanos|hermanas|hijo|hija|hijos|hijas|abuelo|abuela|abuelos|esposa|esposo|marido|familia", {}, {}, 0, 0},
    {"pii.postcode", "pii.address", Trigger::number, postcode, 1 << 5, {}, {}, {}, 0, 0},
    {"pii.place", "pii.address", Trigger::number, city, 1 << 5, {}, {}, {}, 0, 0},
    {"pii.country", "pii.address", Trigger::literal, country_word, 0, {},
     "España|México|Argentina|Chile|Colombia|Perú|Venezuela|Uruguay|Ecuador|Cuba|Bolivia|Paraguay|Portugal|Costa Rica|Nicaragua|Honduras|Guatemala|Panamá|Brasil", {}, 0, 0},
};

}  // namespace

std::span<const Detector> clinical_detectors() {
  return kRows;
}

}  // namespace warden::classify
