// SPDX-License-Identifier: Apache-2.0
// Values without digits that the name of their field makes personal: `Name: Ana Ruiz`, `<patient name="...">`, `"employer": "..."`.
#include <algorithm>
#include <optional>

#include "policy/classify/chars.h"
#include "policy/classify/people.h"
#include "policy/classify/tables.h"

namespace warden::classify {
namespace {

constexpr uint32_t kGapMax = 5;
constexpr uint32_t kValueMax = 120;

// Where the value begins behind "label: ", 'label="', "label | " or <label>; nothing without such a sign.
std::optional<uint32_t> value_begin(const Candidate& c) {
  if (c.field) return 0;
  if (is_word(at_or_nul(c.text, c.span.begin - 1)) && !is_upper(c.text[c.span.begin])) return std::nullopt;
  bool sign = false;
  uint32_t at = c.span.end;
  for (; at < c.text.size() && !is_word(c.text[at]) && at - c.span.end < kGapMax; ++at) {
    const char x = c.text[at];
    if (x == '\n') return std::nullopt;
    sign = sign || x == ':' || x == '=' || x == '>' || x == '|';
  }
  return sign && at < c.text.size() ? std::optional(at) : std::nullopt;
}

uint32_t line_end(std::string_view text, uint32_t at, std::string_view stops) {
  const std::string_view rest = text.substr(at, kValueMax);
  size_t end = std::min(rest.find_first_of(stops), rest.size());
  for (size_t dot = rest.find('.'); dot < end; dot = rest.find('.', dot + 1)) {
    // A full stop ends the value, an abbreviation's does not.
    if (dot + 1 == rest.size() || rest[dot + 1] == '\n' || rest[dot + 1] == '\r' || (rest[dot + 1] == ' ' && dot > 3)) end = dot;
  }
  while (end > 0 && (is_space(rest[end - 1]) || rest[end - 1] == '.' || rest[end - 1] == ',')) --end;
  return at + static_cast<uint32_t>(end);
}

bool accept(Match& match, uint32_t begin, uint32_t end, uint8_t confidence) {
  match.span = {begin, end};
  match.tier = Tier::asserted;
  match.confidence = confidence;
  return end > begin + 1;
}

// "employer name", "file name": the name of something else.
bool names_other(std::string_view text, uint32_t label) {
  uint32_t end = label;
  while (end > 0 && (text[end - 1] == ' ' || text[end - 1] == '_' || text[end - 1] == '-')) --end;
  uint32_t begin = end;
  while (begin > 0 && is_alpha(text[begin - 1])) --begin;
  constexpr std::string_view others[] = {"employer", "company", "organization", "organisation", "org", "provider", "file", "user", "host", "class", "domain", "product",
                                         "project", "field", "column", "table", "database", "service", "tag", "display", "function", "variable", "package", "model", "event",
                                         "meta", "input", "param", "server", "bank", "group", "method", "type", "vendor", "brand"};
  const std::string_view word = text.substr(begin, end - begin);
  return std::any_of(std::begin(others), std::end(others), [&](std::string_view o) { return equals_nocase(o, word); });
}

bool person(const Candidate& c, Match& match) {
  const auto begin = value_begin(c);
  if (!begin || (!c.field && names_other(c.text, c.span.begin))) return false;
  const auto name = name_at(c.text, *begin);
  // A value that goes on in small letters is a sentence, not a name.
  if (!name || at_or_nul(c.text, name->end) == ' ') {
    if (!name || is_lower(at_or_nul(c.text, name->end + 1))) return false;
  }
  return accept(match, name->begin, name->end, 85);
}

bool capital_text(const Candidate& c, Match& match) {
  const auto begin = value_begin(c);
  if (!begin || is_lower(c.text[*begin]) || is_digit(c.text[*begin])) return false;
  return accept(match, *begin, line_end(c.text, *begin, "\n\r|\"<;,()"), 75);
}

bool organisation(const Candidate& c, Match& match) {
  return capital_text(c, match) && match.span.end - match.span.begin <= 48;
}

bool condition(const Candidate& c, Match& match) {
  return capital_text(c, match) && match.span.end - match.span.begin <= 60;
}

bool place(const Candidate& c, Match& match) {
  return capital_text(c, match) && match.span.end - match.span.begin <= 40 &&
         std::none_of(c.text.begin() + match.span.begin, c.text.begin() + match.span.end, is_digit);
}

bool address(const Candidate& c, Match& match) {
  const auto begin = value_begin(c);
  if (!begin || (!is_digit(c.text[*begin]) && is_lower(c.text[*begin]))) return false;
  const uint32_t end = line_end(c.text, *begin, "\n\r|\"<;");
  const auto first = c.text.begin() + *begin;
  const auto last = c.text.begin() + end;
  return end - *begin >= 6 && std::any_of(first, last, is_alpha) && std::any_of(first, last, is_digit) && std::find(first, last, '@') == last &&
         accept(match, *begin, end, 80);
}

bool money(const Candidate& c, Match& match) {
  const auto begin = value_begin(c);
  if (!begin) return false;
  uint32_t from = *begin;
  const auto sign = [&](uint32_t at) { return at_or_nul(c.text, at) == '$' || at_or_nul(c.text, at) == '\xA3'; };
  if (from > 0 && sign(from - 1)) --from;
  const bool euro = from >= 3 && (c.text.substr(from - 3, 3) == "€" || c.text.substr(from - 2, 2) == "£");
  uint32_t end = *begin;
  while (end < c.text.size() && (is_digit(c.text[end]) || ((c.text[end] == ',' || c.text[end] == '.') && is_digit(at_or_nul(c.text, end + 1))))) ++end;
  return (sign(from) || euro) && end > *begin && accept(match, from, end, 70);
}

bool sex(const Candidate& c, Match& match) {
  const auto begin = value_begin(c);
  if (!begin) return false;
  uint32_t end = *begin;
  while (end < c.text.size() && is_word(c.text[end]) && end - *begin < 12) ++end;
  constexpr std::string_view words[] = {"h", "m", "f", "v", "male", "female", "hombre", "mujer", "varón", "männlich", "weiblich", "homme", "femme", "masculino", "femenino"};
  const std::string_view value = c.text.substr(*begin, end - *begin);
  if (std::none_of(std::begin(words), std::end(words), [&](std::string_view w) { return equals_nocase(w, value); })) return false;
  match.span = {*begin, end};
  match.tier = Tier::asserted;
  match.confidence = 70;
  return true;
}

constexpr Detector kRows[] = {
    {"pii.person", "pii.name", Trigger::keyword, person, 0,
     "patient name|full name|first name|last name|given name|family name|surname|customer name|employee name|account holder|claimant|employee|"
     "cardholder|name|contact name|nombre|apellidos|apellido|nom|prénom|vorname|nachname|nome|cognome|sobrenome|naam|imię|nazwisko|имя|фамилия|"
     "氏名|姓名|이름|bill to|ship to|to|attn|beneficiary|policyholder|insured|applicant|remitido por|responsable clínico",
     {}, {}, 0, 0},
    {"phi.doctor", "pii.name", Trigger::keyword, person, 0, "médico|physician|doctor|attending|provider name|arzt|médecin|responsable clínico", {}, {}, 0, 0},
    {"pii.organization", "pii", Trigger::keyword, organisation, 0,
     "employer|provider|company|organization|organisation|org|from|vendor|employer name|arbeitgeber|empresa|employeur|azienda", {}, {}, 0, 0},
    {"phi.condition", "phi", Trigger::keyword, condition, 0, "diagnosis|dx|diagnóstico|diagnose|diagnostic|condition", {}, {}, 0, 0},
    {"pii.address", "pii.address", Trigger::keyword, address, 0,
     "address|street address|home address|mailing address|billing address|domicilio|dirección|adresse|anschrift|indirizzo|endereço|adres|adress|адрес|住所|地址|주소",
     {}, {}, 0, 0},
    {"pii.place", "pii.address", Trigger::keyword, place, 0, "localidad/ provincia|localidad|provincia|ciudad|city|ort|ville|città|cidade|miasto", {}, {}, 0, 0},
    {"pii.country", "pii.address", Trigger::keyword, place, 0, "país|país de nacimiento|pais|country|nationality|nacionalidad|pays|land", {}, {}, 0, 0},
    {"fin.salary", "pii", Trigger::keyword, money, 0, "wages|salary|compensation|amount|total|amount due|balance|base pay|annual income|income|gehalt|salario|salaire|stipendio", {}, {}, 0, 0},
    {"pii.sex", "pii", Trigger::keyword, sex, 0, "sexo|sex|gender|geschlecht|sexe|género", {}, {}, 0, 0},
};

}  // namespace

std::span<const Detector> field_detectors() {
  return kRows;
}

}  // namespace warden::classify
