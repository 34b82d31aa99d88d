// SPDX-License-Identifier: Apache-2.0
// Street addresses, internet addresses and times. A street address is a house number with a street's kind of word and what follows: city,
// state and postcode as the United States write them, or a Spanish street with its number.
#include <algorithm>
#include <array>

#include "policy/classify/chars.h"
#include "policy/classify/checks.h"
#include "policy/classify/tables.h"

namespace warden::classify {
namespace {

constexpr std::string_view kStreets[] = {"street", "st", "avenue", "ave", "road", "rd", "lane", "ln", "drive", "dr", "boulevard", "blvd", "way", "court", "ct", "place", "pl", "circle", "cir", "terrace", "ter", "parkway", "pkwy", "square", "sq", "trail", "highway", "hwy", "close", "crescent", "gardens", "row", "walk"};
constexpr std::string_view kStates = "AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY PR";
constexpr int kStreetWords = 4;
constexpr int kCityWords = 3;

uint32_t word_end(std::string_view text, uint32_t at) {
  while (at < text.size() && (is_alpha(text[at]) || text[at] == '\'' || text[at] == '-' || static_cast<unsigned char>(text[at]) >= 0x80)) ++at;
  return at;
}

// ", Springfield, IL 62704" from `at` on; `at` itself when there is none.
uint32_t past_city(std::string_view text, uint32_t at) {
  if (at_or_nul(text, at) != ',' || at_or_nul(text, at + 1) != ' ') return at;
  uint32_t i = at + 2;
  for (int words = 0; words < kCityWords && is_upper(at_or_nul(text, i)); ++words) {
    i = word_end(text, i);
    if (at_or_nul(text, i) != ' ') break;
    ++i;
  }
  if (at_or_nul(text, i) != ',' || at_or_nul(text, i + 1) != ' ') return at;
  i += 2;
  const size_t state = kStates.find(text.substr(i, 2));
  if (text.size() < i + 2 || state == std::string_view::npos || state % 3 != 0 || is_word(at_or_nul(text, i + 2))) return at;
  const uint32_t end = i + 2;
  uint32_t zip = end + 1;
  while (zip - end <= 5 && is_digit(at_or_nul(text, zip))) ++zip;
  return at_or_nul(text, end) == ' ' && zip - end == 6 && !is_word(at_or_nul(text, zip)) ? zip : end;
}

bool street(const Candidate& c, Match& match) {
  if (c.groups.size() != 1 || at_or_nul(c.text, c.span.end) != ' ' || !is_upper(at_or_nul(c.text, c.span.end + 1)) || is_word(at_or_nul(c.text, c.span.begin - 1)) ||
      at_or_nul(c.text, c.span.begin - 1) == '-' || at_or_nul(c.text, c.span.begin - 1) == '.')
    return false;
  uint32_t at = c.span.end + 1;
  for (int words = 0; words < kStreetWords && is_upper(at_or_nul(c.text, at)); ++words) {
    const uint32_t end = word_end(c.text, at);
    const std::string_view word = c.text.substr(at, end - at);
    if (words > 0 && std::any_of(std::begin(kStreets), std::end(kStreets), [&](std::string_view s) { return equals_nocase(s, word); })) {
      const uint32_t stop = past_city(c.text, end);
      match.span.end = stop;
      match.tier = Tier::lexical;
      match.confidence = stop > end ? 90 : 60;
      return true;
    }
    if (at_or_nul(c.text, end) != ' ') return false;
    at = end + 1;
  }
  return false;
}

// ", 2º dcha", ", 3 B", " bajo": floor and door behind a number.
uint32_t past_floor(std::string_view text, uint32_t at) {
  constexpr std::string_view words[] = {"dcha", "izq", "bajo", "planta", "piso", "pta", "puerta", "derecha", "izquierda", "esc", "escalera", "bis", "ático"};
  for (int parts = 0; parts < 4; ++parts) {
    uint32_t i = at;
    while (i - at < 3 && (at_or_nul(text, i) == ' ' || at_or_nul(text, i) == ',' || at_or_nul(text, i) == '-')) ++i;
    if (i == at) return at;
    uint32_t end = i;
    while (end - i < 10 && is_word(at_or_nul(text, end))) ++end;
    const std::string_view part = text.substr(i, end - i);
    const auto digits = std::count_if(part.begin(), part.end(), is_digit);
    const bool floor = digits > 0 && digits <= 2 && part.size() <= static_cast<size_t>(digits) + 2;
    const bool door = part.size() == 1 && is_upper(part[0]) && !is_alpha(at_or_nul(text, end + 1)) && at_or_nul(text, end) != '/';
    const bool word = std::any_of(std::begin(words), std::end(words), [&](std::string_view w) { return equals_nocase(w, part); });
    if (!floor && !door && !word) return at;
    at = end;
  }
  return at;
}

// "Calle Mayor 12, 3º B", "C/ del Abedul 5-7", "Avda. de la Paz, s/n": the words and the number that follows.
bool calle(const Candidate& c, Match& match) {
  if (is_word(at_or_nul(c.text, c.span.begin - 1))) return false;
  uint32_t at = c.span.end;
  uint32_t number = 0;
  uint32_t stop = 0;
  for (; at < c.text.size() && at - c.span.end < 60 && c.text[at] != '\n' && c.text[at] != ';' && c.text[at] != ':'; ++at) {
    if (c.text.substr(at, 3) == "s/n") {
      stop = at + 3;
      break;
    }
    if (!is_digit(c.text[at])) continue;
    number = at;
    break;
  }
  if (number == 0 && stop == 0) return false;
  if (stop != 0) {
    match.span.end = stop;
    match.tier = Tier::lexical;
    match.confidence = 75;
    return true;
  }
  while (number < c.text.size() && (is_digit(c.text[number]) || (c.text[number] == '-' && is_digit(at_or_nul(c.text, number + 1))))) ++number;
  if (number - at > 4) return false;
  match.span.end = past_floor(c.text, number);
  match.tier = Tier::lexical;
  match.confidence = 75;
  return number - at <= 9 && std::count(c.text.begin() + c.span.begin, c.text.begin() + at, ' ') <= 8;
}

bool ip4(const Candidate& c, Match& match) {
  if (c.groups.size() != 4 || c.separator != '.' || (at_or_nul(c.text, c.span.end) == '.' && is_digit(at_or_nul(c.text, c.span.end + 1)))) return false;
  const char before = at_or_nul(c.text, c.span.begin - 1);
  if (is_word(before) || before == '.' || before == '-' || is_word(at_or_nul(c.text, c.span.end)) || at_or_nul(c.text, c.span.end) == '-') return false;
  std::array<uint64_t, 4> part{};
  size_t at = 0;
  for (size_t i = 0; i < 4; ++i) {
    part[i] = number(c.digits.substr(at, c.groups[i]));
    if (c.groups[i] > 3 || part[i] > 255 || (c.groups[i] > 1 && c.digits[at] == '0')) return false;
    at += c.groups[i];
  }
  if (std::all_of(part.begin(), part.end(), [](uint64_t p) { return p < 20; })) return false;  // a version
  const bool documented = (part[0] == 192 && part[1] == 0 && part[2] == 2) || (part[0] == 198 && part[1] == 51 && part[2] == 100) || (part[0] == 203 && part[1] == 0 && part[2] == 113);
  const bool nobody = part[0] == 127 || part[0] == 0 || (part[0] == 255 && part[1] == 255) || (part[0] == 169 && part[1] == 254);
  match.tier = documented || nobody ? Tier::suppressed : Tier::asserted;
  match.confidence = 70;
  return true;
}

// 2026-04-20T13:05:00Z: personal only together with what else is found beside it.
bool timestamp(const Candidate& c, Match& match) {
  if (c.groups.size() != 3 || c.separator != '-' || c.groups[0] != 4 || c.groups[1] != 2 || c.groups[2] != 2 || at_or_nul(c.text, c.span.end) != 'T') return false;
  constexpr std::string_view shape = "Tdd:dd:dd";
  for (size_t i = 0; i < shape.size(); ++i) {
    const char x = at_or_nul(c.text, c.span.end + i);
    if (shape[i] == 'd' ? !is_digit(x) : x != shape[i]) return false;
  }
  uint32_t end = c.span.end + static_cast<uint32_t>(shape.size());
  if (at_or_nul(c.text, end) == '.') {
    do ++end;
    while (is_digit(at_or_nul(c.text, end)));
  }
  if (at_or_nul(c.text, end) == 'Z') ++end;
  match.span.end = end;
  match.tier = Tier::lexical;
  match.confidence = 60;
  return !is_word(at_or_nul(c.text, end));
}

constexpr Detector kRows[] = {
    {"pii.address", "pii.address", Trigger::number, street, lengths(1, 5), {}, {}, {}, 0, 0},
    {"pii.address", "pii.address", Trigger::literal, calle, 0, {}, "Calle |C/ |c/ |Avda. |Avenida |Av. |Plaza |Paseo |Passeig |Carrer |Pza. |Ctra. |calle |Rua |Rue |Via |C/", {}, 0, 0},
    {"pii.ip4", "pii", Trigger::number, ip4, lengths(4, 12), {}, {}, {}, 0, 0},
    {"phi.timestamp", "custom.reference", Trigger::number, timestamp, 1 << 8, {}, {}, {}, 0, 0},
};

}  // namespace

std::span<const Detector> place_detectors() {
  return kRows;
}

}  // namespace warden::classify
