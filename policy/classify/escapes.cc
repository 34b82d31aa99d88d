// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/escapes.h"

#include <algorithm>

#include "policy/classify/chars.h"
#include "policy/classify/layers.h"
#include "policy/classify/unicode.h"

namespace warden::classify {
namespace {

using Rank = Rewrites::Rank;

// The value of the hex digits at `at`, from `least` to `most` of them; `bytes` 0 when there are fewer.
struct Number {
  char32_t value = 0;
  uint32_t bytes = 0;
};
Number hex_at(std::string_view in, size_t at, uint32_t least, uint32_t most) {
  Number number;
  while (number.bytes < most && hex_value(at_or_nul(in, at + number.bytes)) >= 0) {
    number.value = number.value * 16 + static_cast<char32_t>(hex_value(in[at + number.bytes]));
    ++number.bytes;
  }
  return number.bytes < least ? Number{} : number;
}

bool worth(char32_t value) {
  return (value >= 0x20 && value != 0x7F && value <= 0x10FFFF) || value == '\t' || value == '\n' || value == '\r';
}

void add_point(Rewrites& out, size_t at, size_t bytes, char32_t value) {
  std::string text;
  append_utf8(text, value);
  out.add({static_cast<uint32_t>(at), static_cast<uint32_t>(at + bytes)}, text, Rank::escape);
}

void add_byte(Rewrites& out, size_t at, size_t bytes, char32_t value, Rank rank) {
  const char byte = static_cast<char>(value);
  out.add({static_cast<uint32_t>(at), static_cast<uint32_t>(at + bytes)}, {&byte, 1}, rank);
}

// \u{X}, \xNN, \x{N}, \UXXXXXXXX, \NNN: what JSON does not know. Returns the bytes of the escape, 0 for none.
uint32_t c_escape(std::string_view in, size_t at, Rewrites& out) {
  const char kind = at_or_nul(in, at + 1);
  const bool braced = (kind == 'u' || kind == 'x') && at_or_nul(in, at + 2) == '{';
  if (braced || kind == 'U') {
    const Number number = hex_at(in, at + (braced ? 3 : 2), braced ? 1 : 8, 8);
    if (number.bytes == 0 || !worth(number.value) || (braced && at_or_nul(in, at + 3 + number.bytes) != '}')) return 0;
    const uint32_t bytes = number.bytes + (braced ? 4 : 2);
    add_point(out, at, bytes, number.value);
    return bytes;
  }
  if (kind == 'x') {
    const Number number = hex_at(in, at + 2, 2, 2);
    if (number.bytes == 0 || !worth(number.value)) return 0;
    add_byte(out, at, 4, number.value, Rank::escape);
    return 4;
  }
  uint32_t octal = 0;
  for (size_t i = at + 1; i < at + 4; ++i) {
    const char c = at_or_nul(in, i);
    if (c < '0' || c > '7') return kind == '\'' ? (add_byte(out, at, 2, '\'', Rank::escape), 2) : 0;
    octal = octal * 8 + static_cast<uint32_t>(c - '0');
  }
  if (octal > 0xFF || !worth(octal)) return 0;
  add_byte(out, at, 4, octal, Rank::escape);
  return 4;
}

void find_backslashes(std::string_view in, Rewrites& out) {
  for (size_t at = in.find('\\'); at != std::string_view::npos && !out.overflowed(); at = in.find('\\', at)) {
    const JsonEscape escape = json_escape_at(in, at);
    if (escape.bytes > 0) {
      out.add({static_cast<uint32_t>(at), static_cast<uint32_t>(at + escape.bytes)}, escape.text, Rank::escape);
      at += escape.bytes;
    } else {
      at += std::max(c_escape(in, at, out), 1u);
    }
  }
}

void find_percents(std::string_view in, Rewrites& out) {
  for (size_t at = in.find('%'); at != std::string_view::npos && !out.overflowed(); at = in.find('%', at)) {
    const bool wide = at_or_nul(in, at + 1) == 'u';
    const Number number = wide ? hex_at(in, at + 2, 4, 4) : hex_at(in, at + 1, 2, 2);
    const size_t bytes = number.bytes + (wide ? 2 : 1);
    if (number.bytes == 0 || !worth(number.value)) {
      ++at;
      continue;
    }
    wide ? add_point(out, at, bytes, number.value) : add_byte(out, at, bytes, number.value, Rank::escape);
    at += bytes;
  }
}

struct Reference {
  std::string_view name;
  char32_t value;
};
// Sorted. The named references of characters that values and the text around them are written in.
constexpr Reference kReferences[] = {
    {"NewLine", '\n'}, {"Tab", '\t'},      {"amp", '&'},     {"apos", '\''},    {"ast", '*'},      {"bsol", '\\'},     {"colon", ':'},
    {"comma", ','},    {"commat", '@'},    {"copy", 0xA9},   {"dash", '-'},     {"dollar", '$'},   {"emsp", ' '},      {"ensp", ' '},
    {"equals", '='},   {"excl", '!'},      {"grave", '`'},   {"gt", '>'},       {"hat", '^'},      {"hyphen", '-'},    {"lbrace", '{'},
    {"lbrack", '['},   {"lcub", '{'},      {"lowbar", '_'},  {"lpar", '('},     {"lrm", 0x200E},   {"lsqb", '['},      {"lt", '<'},
    {"mdash", '-'},    {"minus", '-'},     {"nbsp", ' '},    {"ndash", '-'},    {"num", '#'},      {"numsp", ' '},     {"percnt", '%'},
    {"period", '.'},   {"plus", '+'},      {"puncsp", ' '},  {"quest", '?'},    {"quot", '"'},     {"rbrace", '}'},    {"rbrack", ']'},
    {"rcub", '}'},     {"rlm", 0x200F},    {"rpar", ')'},    {"rsqb", ']'},     {"semi", ';'},     {"shy", 0xAD},      {"sol", '/'},
    {"thinsp", ' '},   {"verbar", '|'},    {"vert", '|'},    {"zwj", 0x200D},   {"zwnj", 0x200C}};

static_assert(std::is_sorted(std::begin(kReferences), std::end(kReferences), [](const Reference& a, const Reference& b) { return a.name < b.name; }));

// Bytes of the reference at `at`, which points at the '&'; 0 for none.
uint32_t numeric_reference(std::string_view in, size_t at, char32_t& value) {
  const bool hex = lower(at_or_nul(in, at + 2)) == 'x';
  size_t end = at + (hex ? 3 : 2);
  const size_t first = end;
  value = 0;
  while (end < in.size() && end - first < 10 && value <= 0x10FFFF) {
    const int digit = hex ? hex_value(in[end]) : (is_digit(in[end]) ? in[end] - '0' : -1);
    if (digit < 0) break;
    value = value * (hex ? 16 : 10) + static_cast<char32_t>(digit);
    ++end;
  }
  if (end == first || !worth(value) || (value >= 0xD800 && value <= 0xDFFF)) return 0;
  return static_cast<uint32_t>(end - at + (at_or_nul(in, end) == ';' ? 1 : 0));
}

uint32_t named_reference(std::string_view in, size_t at, char32_t& value) {
  const std::string_view rest = in.substr(at + 1, 9);
  const size_t size = rest.find(';');
  if (size == std::string_view::npos) return 0;
  const std::string_view name = rest.substr(0, size);
  const auto found = std::lower_bound(std::begin(kReferences), std::end(kReferences), name, [](const Reference& r, std::string_view n) { return r.name < n; });
  if (found == std::end(kReferences) || found->name != name) return 0;
  value = found->value;
  return static_cast<uint32_t>(size + 2);
}

void find_references(std::string_view in, Rewrites& out) {
  for (size_t at = in.find('&'); at != std::string_view::npos && !out.overflowed(); at = in.find('&', at)) {
    char32_t value = 0;
    const uint32_t bytes = at_or_nul(in, at + 1) == '#' ? numeric_reference(in, at, value) : named_reference(in, at, value);
    if (bytes > 0) add_point(out, at, bytes, value);
    at += std::max(bytes, 1u);
  }
}

bool upper_hex(char c) {
  return is_digit(c) || (c >= 'A' && c <= 'F');
}

// "=XX" is also how an assignment of a hex number looks, so a text has to show that it is quoted-printable: by a soft line break,
// by the escapes that every encoder makes of '=' and of a space at the end of a line, or by two in a row.
bool quoted_printable(std::string_view in) {
  for (size_t at = in.find('='); at != std::string_view::npos; at = in.find('=', at + 1)) {
    const char next = at_or_nul(in, at + 1);
    if (next != '\n' && next != '\r' && !upper_hex(next)) continue;
    const std::string_view rest = in.substr(at);
    if (rest.starts_with("=\n") || rest.starts_with("=\r\n") || rest.starts_with("=3D")) return true;
    if (rest.starts_with("=20") && (rest.size() == 3 || rest[3] == '\n' || rest[3] == '\r')) return true;  // "page=20" is no space
    if (upper_hex(at_or_nul(rest, 1)) && upper_hex(at_or_nul(rest, 2)) && at_or_nul(rest, 3) == '=' && upper_hex(at_or_nul(rest, 4)) &&
        upper_hex(at_or_nul(rest, 5)))
      return true;
  }
  return false;
}

void find_quoted_printable(std::string_view in, Rewrites& out) {
  if (!quoted_printable(in)) return;
  for (size_t at = in.find('='); at != std::string_view::npos && !out.overflowed(); at = in.find('=', at + 1)) {
    const auto begin = static_cast<uint32_t>(at);
    const char next = at_or_nul(in, at + 1);
    const uint32_t soft = next == '\n' ? 2 : next == '\r' && at_or_nul(in, at + 2) == '\n' ? 3 : 0;
    if (soft > 0) {
      out.add({begin, begin + soft}, {}, Rank::loose);
    } else if (upper_hex(next) && upper_hex(at_or_nul(in, at + 2))) {
      const Number number = hex_at(in, at + 1, 2, 2);
      if (worth(number.value)) add_byte(out, at, 3, number.value, Rank::loose);
    }
  }
}

bool local_part(char c) {
  return is_alnum(c) || c == '.' || c == '-' || c == '_' || c == '+';
}

// The '+' of li.wei+work@acme.io belongs to the address, also when the '@' is written as %40.
bool in_address(std::string_view in, size_t at) {
  if (!is_alnum(at_or_nul(in, at - 1)) || (at >= 3 && in[at - 3] == '%')) return false;
  size_t end = at + 1;
  while (end < in.size() && end - at < 128 && in.substr(end, 3) != "%40" && (local_part(in[end]) || in[end] == '%')) ++end;
  return at_or_nul(in, end) == '@' || in.substr(end, 3) == "%40";
}

// Form data: a token that has a '=' or a '%XX' before its '+' signs. With "%2B" in it a bare '+' can only be a space.
void find_plus_spaces(std::string_view in, Rewrites& out) {
  uint32_t known = 0;  // what stands before has been looked at for the token in hand
  bool form = false;
  bool encoded = false;
  for (size_t at = in.find('+'); at != std::string_view::npos && !out.overflowed(); at = in.find('+', at + 1)) {
    uint32_t begin = static_cast<uint32_t>(at);
    const uint32_t limit = std::max(known, begin > 4096 ? begin - 4096 : 0);
    while (begin > limit && !is_space(in[begin - 1]) && in[begin - 1] != '"') --begin;
    if (begin > known || known == 0) form = encoded = false;
    const std::string_view before = in.substr(begin, at - begin);
    form = form || before.find_first_of("=%") != std::string_view::npos;
    encoded = encoded || before.find("%2") != std::string_view::npos || in.substr(at, 256).find("%2B") < in.substr(at, 256).find_first_of(" \n\"");
    known = static_cast<uint32_t>(at) + 1;
    const auto place = static_cast<uint32_t>(at);
    if (form && (encoded || !in_address(in, at))) out.add({place, place + 1}, " ", Rank::loose);
  }
}

}  // namespace

void find_escapes(std::string_view in, Rewrites& out) {
  find_backslashes(in, out);
  find_percents(in, out);
  find_references(in, out);
  find_quoted_printable(in, out);
  find_plus_spaces(in, out);
}

}  // namespace warden::classify
