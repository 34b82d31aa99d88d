// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/people.h"

#include <algorithm>
#include <array>
#include <unordered_set>

#include "policy/classify/byte_set.h"
#include "policy/classify/chars.h"
#include "policy/classify/name_table.h"
#include "policy/classify/tables.h"
#include "policy/classify/unicode.h"

namespace warden::classify {
namespace {

constexpr size_t kWordsMax = 6;
constexpr uint32_t kWordMax = 32;
constexpr size_t kPartsMax = 256;
constexpr size_t kNamesMax = 1 << 14;

struct Name {
  std::array<Extent, kWordsMax> words;
  size_t count = 0;
  bool initial = false;  // the last is "C."
};

std::string_view at(std::string_view text, Extent span) { return text.substr(span.begin, span.end - span.begin); }

template <class List>
bool one_of(const List& list, std::string_view word) {
  return std::any_of(std::begin(list), std::end(list), [&](std::string_view one) { return equals_nocase(one, word); });
}

constexpr std::string_view kTitles[] = {"mr", "mrs", "ms", "miss", "dr", "dra", "prof", "sr", "sra", "herr", "frau", "mme", "mlle", "monsieur", "madame", "señor", "señora", "don", "doña", "sir", "judge", "officer", "nurse"};
constexpr std::string_view kParticles[] = {"de", "del", "la", "las", "los", "van", "von", "der", "den", "di", "da", "do", "dos", "das", "al", "el", "bin", "ibn", "ter", "le", "du", "y", "e", "af", "zu"};
constexpr std::string_view kNamed[] = {"nombre", "apellidos", "vorname", "nachname"};
constexpr std::string_view kAnnounced[] = {"patient", "claimant", "attn", "dear", "sincerely", "regards", "employee", "paciente", "named", "nombre", "apellidos", "vorname", "nachname"};
// Words that stand in capitals and are no part of a person's name.
constexpr std::string_view kOther[] = {
    "the", "this", "that", "these", "those", "a", "an", "in", "on", "at", "by", "for", "from", "to", "and", "or", "but", "if", "when", "while", "after", "before", "with", "without", "as", "is", "was", "it", "he", "she", "they", "we", "you", "i", "his", "her", "our", "your", "my", "no", "not", "yes", "all", "any",
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december",
    "enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre",
    "inc", "corp", "corporation", "company", "co", "llc", "ltd", "gmbh", "plc", "group", "systems", "technologies", "solutions", "industries", "enterprises", "bank", "university", "college", "school", "hospital", "clinic", "institute", "department", "center", "centre", "foundation", "association", "society", "church", "court", "ministry", "service", "services", "analytics", "research", "healthcare", "tech", "dynamic", "science", "universidad", "servicio", "facultad", "instituto", "centro", "departamento", "unidad", "sección", "clínica", "fundación", "complejo", "hospitalario", "adolescente", "varón", "mujer", "niño", "niña", "lactante", "calle", "avda", "plaza", "paseo",
    "street", "st", "avenue", "ave", "road", "rd", "lane", "ln", "drive", "dr", "boulevard", "blvd", "way", "court", "place", "circle", "terrace", "square", "highway", "calle", "avda", "avenida", "plaza", "paseo", "carretera", "river", "lake", "mount", "island", "city", "county", "state", "states", "north", "south", "east", "west", "new", "san", "santa", "saint", "los", "las", "united", "america", "american", "europe", "european", "act", "law", "bill", "code", "section", "chapter", "article", "part", "table", "figure", "page", "version", "release", "license", "licence", "public", "general", "copyright", "project", "team", "user", "admin", "alert", "account", "patient", "follow", "annual", "relapse", "address", "name", "email", "phone", "date", "total", "status", "type", "id", "ssn", "dob", "mrn", "president", "congress", "senate", "house", "lord", "god", "king", "queen", "prince", "war", "peace", "day", "night", "year", "syndrome", "disease", "disorder", "virus", "remitido", "informe", "antecedentes", "historia", "médico", "correo", "nombre", "edad", "sexo", "fecha", "domicilio", "país", "localidad", "provincia", "apellidos"};

bool is_title(std::string_view word) { return one_of(kTitles, word); }

struct Lists {
  std::unordered_set<std::string_view> given, family, other;
};

// A word in small letters: ASCII, and the capitals of Latin-1, with which names begin. Valid while the object is.
class Folded {
 public:
  explicit Folded(std::string_view word) : size_(std::min(word.size(), bytes_.size())) {
    std::transform(word.begin(), word.begin() + static_cast<ptrdiff_t>(size_), bytes_.begin(), lower);
    for (size_t i = 0; i + 1 < size_; ++i) {
      const auto next = static_cast<unsigned char>(bytes_[i + 1]);
      if (bytes_[i] == '\xC3' && next >= 0x80 && next <= 0x9E) bytes_[i + 1] = static_cast<char>(next + 0x20);
    }
  }
  operator std::string_view() const { return {bytes_.data(), size_}; }  // NOLINT: it is one

 private:
  std::array<char, 48> bytes_;
  size_t size_;
};
Folded folded(std::string_view word) { return Folded(word); }

constexpr auto kMayBegin = [] {
  std::array<bool, 256> table{};
  for (int c = 0; c < 256; ++c) table[static_cast<size_t>(c)] = is_upper(static_cast<char>(c)) || c >= 0xC3;
  return table;
}();
// The next byte at or after i that may begin a name; continuation bytes are passed over as well.
uint32_t next_begin(std::string_view text, uint32_t i, bool ascii) {
  static constexpr ByteSet kCapitals("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
  if (ascii) return static_cast<uint32_t>(kCapitals.next(text, i));
  while (i < text.size() && !kMayBegin[static_cast<unsigned char>(text[i])]) ++i;
  return i;
}

const Lists& lists() {
  static const Lists all = [] {
    Lists made;
    const auto fill = [](std::unordered_set<std::string_view>& set, std::string_view words) {
      while (!words.empty()) {
        const size_t blank = std::min(words.find(' '), words.size());
        if (blank > 0) set.emplace(words.substr(0, blank));
        words.remove_prefix(std::min(blank + 1, words.size()));
      }
    };
    fill(made.given, given_names());
    fill(made.family, family_names());
    for (const std::string_view word : kOther) made.other.emplace(word);
    return made;
  }();
  return all;
}

// What a street or a house is named after.
bool names_a_place(std::string_view before) {
  constexpr std::string_view words[] = {"calle", "c", "av", "avda", "avenida", "paseo", "plaza", "pza", "ctra", "carretera", "carrer", "passeig", "rue", "via", "rua", "hospital", "universidad", "clínica", "fundación", "ronda", "glorieta", "camino", "instituto", "colegio"};
  return one_of(words, before);
}

// What stands for a finding that is looked at again ("[XXXXX]"), or a mask.
bool masked(std::string_view word) { return word.size() > 1 && word.find_first_not_of('X') == std::string_view::npos; }

// A letter beyond ASCII begins at i: not the punctuation of Latin-1 (but ª and º), of U+2000 to U+2BFF, U+3000 and U+FF00.
bool wide_letter(std::string_view text, uint32_t i) {
  const auto lead = static_cast<unsigned char>(at_or_nul(text, i));
  const auto next = static_cast<unsigned char>(at_or_nul(text, i + 1));
  if (lead < 0xC3) return false;
  if (lead == 0xE2) return next >= 0xB0;
  if (lead == 0xE3 && next == 0x80) return static_cast<unsigned char>(at_or_nul(text, i + 2)) >= 0xA1;
  return lead != 0xEF && lead < 0xF0;
}

bool capital(std::string_view text, uint32_t i) { return is_upper(at_or_nul(text, i)) || wide_letter(text, i); }

// The word at `begin`: letters, and apostrophes or hyphens between them.
uint32_t word_end(std::string_view text, uint32_t begin) {
  uint32_t end = begin;
  const auto letter = [&](uint32_t i) {
    return is_alpha(at_or_nul(text, i)) || wide_letter(text, i) || (i > begin && (static_cast<unsigned char>(at_or_nul(text, i)) & 0xC0) == 0x80);
  };
  while (end - begin < kWordMax && (letter(end) || ((at_or_nul(text, end) == '\'' || at_or_nul(text, end) == '-') && letter(end + 1) && end > begin))) ++end;
  return end;
}

// Words as a name has them, from `begin` on.
Name read_name(std::string_view text, uint32_t begin) {
  Name name;
  uint32_t i = begin;
  uint32_t particles = 0;
  while (name.count < kWordsMax && i < text.size()) {
    const uint32_t end = word_end(text, i);
    if (end == i || is_digit(at_or_nul(text, end)) || at_or_nul(text, end) == '_') break;
    const std::string_view word = text.substr(i, end - i);
    if (capital(text, i) && !masked(word)) {
      name.words[name.count++] = {i, end};
      particles = 0;
      const bool initial = word.size() == 1 && at_or_nul(text, end) == '.';
      if (initial) name.words[name.count - 1].end = end + 1;
      name.initial = initial;
      i = end + (initial ? 1 : 0);
    } else if (name.count > 0 && particles < 3 && one_of(kParticles, word)) {
      ++particles;
      i = end;
    } else {
      break;
    }
    if (at_or_nul(text, i) != ' ') break;
    ++i;
  }
  // A lone capital without its full stop is the beginning of something else ("Nº", "C/").
  while (name.count > 1 && name.words[name.count - 1].end - name.words[name.count - 1].begin == 1) --name.count;
  return name;
}

bool all_capitals(std::string_view word) {
  return word.size() > 2 && std::all_of(word.begin(), word.end(), [](char c) { return is_upper(c) || c == '-' || c == '\''; });
}

// The word before `begin` (a title or what announces a name), past blanks and a full stop or colon.
std::string_view word_before(std::string_view text, uint32_t begin, uint32_t& from) {
  uint32_t end = begin;
  while (end > 0 && begin - end < 3 && (text[end - 1] == ' ' || text[end - 1] == '.' || text[end - 1] == ':')) --end;
  uint32_t start = end;
  while (start > 0 && end - start < 16 && is_word(text[start - 1])) --start;
  from = start;
  return end == begin ? std::string_view{} : text.substr(start, end - start);
}

// "[2026-01-09T13:57:00Z] Ana Ruiz logged in", "Alert for Ana Ruiz:"
bool log_actor(std::string_view text, uint32_t begin) {
  const std::string_view before = text.substr(begin > 12 ? begin - 12 : 0, begin > 12 ? 12 : begin);
  return before.ends_with("Z] ") || before.ends_with("Alert for ") || before.ends_with("alert for ");
}

}  // namespace

std::optional<Extent> name_at(std::string_view text, uint32_t begin) {
  uint32_t from = begin;
  while (is_title(text.substr(from, word_end(text, from) - from)) && at_or_nul(text, word_end(text, from)) == '.') {
    from = word_end(text, from) + 1;
    while (at_or_nul(text, from) == ' ') ++from;
  }
  const Name name = read_name(text, from);
  if (name.count == 0 || !capital(text, from)) return std::nullopt;
  const std::string_view first = at(text, name.words[0]);
  if (lists().other.contains(folded(first)) || (name.count == 1 && first.size() < 2)) return std::nullopt;
  for (size_t i = 1; i < name.count; ++i) {
    const Folded word = folded(at(text, name.words[i]));
    if (lists().other.contains(word) && !lists().family.contains(word)) return i >= 2 ? std::optional(Extent{from, name.words[i - 1].end}) : std::nullopt;
  }
  return Extent{from, name.words[name.count - 1].end};
}

void PeopleScan::remember(Extent name) {
  found_.push_back(name);
  for (uint32_t i = name.begin; i < name.end && parts_.size() < kPartsMax;) {
    const uint32_t end = std::max(i + 1, word_end(text_, i));
    const std::string_view word = text_.substr(i, end - i);
    const bool known = std::find(parts_.begin(), parts_.end(), word) != parts_.end();
    if (word.size() >= 3 && capital(text_, i) && !known && !lists().other.contains(folded(word)) && !is_title(word)) parts_.push_back(word);
    i = end;
  }
}

void PeopleScan::find_names() {
  for (uint32_t i = next_begin(text_, 0, ascii_); i < text_.size() && found_.size() < kNamesMax; i = next_begin(text_, i, ascii_)) {
    if (!capital(text_, i) || (i > 0 && is_word(text_[i - 1]))) {
      ++i;
      continue;
    }
    const Name name = read_name(text_, i);
    if (name.count == 0) {
      i = std::max(i + 1, word_end(text_, i));
      continue;
    }
    const auto before_is = [&](const auto& announces) {
      uint32_t from = 0;
      return announces(word_before(text_, name.words[0].begin, from));
    };
    // A capital alone, as sentences begin: no name unless something says so.
    if (name.count == 1 && is_alpha(text_[i]) && !before_is([](std::string_view word) { return is_title(word) || one_of(kNamed, word); })) {
      i = name.words[0].end;
      continue;
    }
    size_t first = 0;
    bool title = false;
    uint32_t title_begin = 0;
    const auto word = [&](size_t k) { return folded(at(text_, name.words[k])); };
    while (first < name.count && (lists().other.contains(word(first)) || is_title(word(first)))) ++first;
    i = name.words[name.count - 1].end;
    if (first == name.count) {
      i = name.words[0].end;
      continue;
    }
    const uint32_t begin = name.words[first].begin;
    uint32_t before_at = 0;
    const std::string_view before = word_before(text_, begin, before_at);
    if (is_title(before)) title = true, title_begin = before_at;
    size_t last = first;
    bool other = false;
    const bool named = lists().given.contains(word(first));
    while (last < name.count && !(other = lists().other.contains(word(last)) && !(named && last > first && lists().family.contains(word(last))))) ++last;
    const size_t count = last - first;
    if (other) i = name.words[last].begin;
    if (count == 0) {
      i = name.words[first].end;
      continue;
    }
    uint32_t place_at = begin;
    while (place_at > 0 && begin - place_at < 4 && (text_[place_at - 1] == ' ' || text_[place_at - 1] == '/' || text_[place_at - 1] == '.')) --place_at;
    uint32_t place_word = place_at;
    while (place_word > 0 && place_at - place_word < 12 && is_word(text_[place_word - 1])) --place_word;
    if (place_at < begin && names_a_place(text_.substr(place_word, place_at - place_word))) continue;
    const bool shouted = all_capitals(at(text_, name.words[first]));
    const bool given = lists().given.contains(word(first));
    bool family = false;
    for (size_t k = first + 1; k < last; ++k) family = family || lists().family.contains(word(k));
    const bool wide = static_cast<unsigned char>(text_[begin]) >= 0x80;
    const bool announced = title || one_of(kAnnounced, before) || log_actor(text_, begin);
    const bool accept = (count >= 2 && count <= 5 && !other && ((given && !shouted) || (given && family) || announced || (family && !shouted && count == 2 && at(text_, name.words[first]).size() == 2))) ||
                        (count == 1 && (title || (one_of(kNamed, before) && begin > 1 && text_[begin - 1] == ' ')) && !shouted && !other) || (wide && announced && count >= 2);
    if (!accept) continue;
    uint32_t end = name.words[last - 1].end;
    if (at_or_nul(text_, end - 1) == '.' && last - 1 == first) continue;
    remember({count == 1 && title ? title_begin : begin, end});
  }
}

// Parts of names alone: "Dr. Clark", "G. Clark", "Gregory".
void PeopleScan::find_again() {
  if (parts_.empty()) return;
  const size_t known = found_.size();
  for (uint32_t i = next_begin(text_, 0, ascii_); i < text_.size() && found_.size() < kNamesMax; i = next_begin(text_, i, ascii_)) {
    if (!capital(text_, i) || (i > 0 && (is_word(text_[i - 1]) || text_[i - 1] == '@' || text_[i - 1] == '.'))) {
      ++i;
      continue;
    }
    const uint32_t end = word_end(text_, i);
    const std::string_view word = text_.substr(i, end - i);
    const auto inside = [&](const Extent& f) { return f.begin <= i && i < f.end; };
    const bool part = std::find(parts_.begin(), parts_.end(), word) != parts_.end();
    if (part && !is_word(at_or_nul(text_, end)) && at_or_nul(text_, end) != '@' && std::none_of(found_.begin(), found_.begin() + static_cast<ptrdiff_t>(known), inside)) {
      uint32_t begin = i, stop = end, before_at = 0;
      const std::string_view before = word_before(text_, i, before_at);
      if (is_title(before) || (before.size() == 1 && is_upper(before[0]) && text_[before_at + 1] == '.')) begin = before_at;
      // Further parts right behind are the same name.
      for (;;) {
        const uint32_t next = stop + 1;
        const uint32_t next_end = at_or_nul(text_, stop) == ' ' && capital(text_, next) ? word_end(text_, next) : next;
        if (std::find(parts_.begin(), parts_.end(), text_.substr(std::min<size_t>(next, text_.size()), next_end - next)) == parts_.end()) break;
        stop = next_end;
      }
      if (stop == end && at_or_nul(text_, end) == ' ' && is_upper(at_or_nul(text_, end + 1)) && at_or_nul(text_, end + 2) == '.' && !is_word(at_or_nul(text_, end + 3))) stop = end + 3;
      found_.push_back({begin, stop});
      i = stop;
      continue;
    }
    i = std::max(i + 1, end);
  }
}

std::span<const Detector> person_detectors() {
  static constexpr Detector rows[] = {{"pii.person", "pii.name", Trigger::people, nullptr}};
  return rows;
}

const std::vector<Extent>& PeopleScan::scan(std::string_view text) {
  text_ = text;
  ascii_ = is_ascii(text);
  found_.clear();
  parts_.clear();
  find_names();
  find_again();
  return found_;
}

}  // namespace warden::classify
