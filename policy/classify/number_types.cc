// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/number_types.h"

#include <algorithm>

#include "policy/classify/chars.h"

namespace warden::classify {
namespace {

constexpr size_t kValueMax = 64;
constexpr int kSeparatorsMax = 3;
constexpr int kStepsMax = 400;  // of one match: shapes have few variable counts, hostile text gets no more

struct Cursor {
  const NumberType& type;
  std::string_view text;
  std::array<char, kValueMax> value{};
  int steps = 0;
  bool need_prefix = false;
  std::optional<NumberMatch> best;
};

bool holds(const NumberType& type, std::string_view value) {
  if (!type.check) return true;
  if (value.size() >= type.pad) return type.check->holds(value);
  std::string padded(type.pad - value.size(), '0');
  padded += value;
  return type.check->holds(padded);
}

// A number does not end inside a word, nor before a joint that leads on to more of it.
bool ends(const Cursor& c, uint32_t at, bool spaced) {
  const char next = at_or_nul(c.text, at);
  if (is_word(next) || next == '*' || next == '=' || next == '$') return false;
  const char beyond = at_or_nul(c.text, at + 1);
  if (next == '-' || next == '/') return !is_alnum(beyond);
  if (next == '.' || next == ',') return !is_digit(beyond);
  if (next != ' ' || !spaced) return true;
  // "...-JY 1F": a group of one or two capitals after groups that end in a letter goes on.
  const bool group = is_upper(at_or_nul(c.text, at - 1)) && is_upper(beyond) &&
                     (!is_word(at_or_nul(c.text, at + 2)) || (is_upper(c.text[at + 2]) && !is_word(at_or_nul(c.text, at + 3))));
  return !is_digit(beyond) && !group;
}

void finish(Cursor& c, uint32_t at, size_t size, bool spaced) {
  if (size == 0 || !ends(c, at, spaced)) return;
  const NumberMatch match{at, holds(c.type, {c.value.data(), size})};
  if (!c.best || std::make_pair(match.checked, match.end) > std::make_pair(c.best->checked, c.best->end)) c.best = match;
}

void walk(Cursor& c, const Shape& shape, size_t item, uint8_t count, uint32_t at, size_t size, bool spaced);

void walk_on(Cursor& c, const Shape& shape, size_t item, uint32_t at, size_t size, bool spaced) {
  if (item == shape.size()) return finish(c, at, size, spaced);
  walk(c, shape, item, 0, at, size, spaced);
}

uint32_t past_separators(const Cursor& c, uint32_t at) {
  for (int i = 0; i < kSeparatorsMax && at < c.text.size() && c.type.separators.find(c.text[at]) != std::string_view::npos; ++i) ++at;
  return at;
}

void walk_literal(Cursor& c, const Shape& shape, size_t item, uint32_t at, size_t size, bool spaced) {
  const ShapeItem& wanted = shape[item];
  for (const std::string_view literal : wanted.literals) {
    for (const uint32_t begin : {at, at == 0 || size == 0 ? at : past_separators(c, at)}) {
      const std::string_view there = c.text.substr(std::min<size_t>(begin, c.text.size()), literal.size());
      if (c.type.keep_case ? there != literal : !equals_nocase(there, literal)) continue;
      size_t grown = size;
      if (wanted.kept && size + literal.size() <= kValueMax) grown = static_cast<size_t>(std::copy(literal.begin(), literal.end(), c.value.begin() + static_cast<ptrdiff_t>(size)) - c.value.begin());
      uint32_t next = begin + static_cast<uint32_t>(literal.size());
      if (grown == 0) next = past_separators(c, next);  // behind a prefix
      walk_on(c, shape, item + 1, next, grown, spaced);
      if (begin == past_separators(c, at)) break;
    }
  }
}

void walk(Cursor& c, const Shape& shape, size_t item, uint8_t count, uint32_t at, size_t size, bool spaced) {
  if (++c.steps > kStepsMax) return;
  const ShapeItem& wanted = shape[item];
  if (!wanted.literals.empty()) {
    walk_literal(c, shape, item, at, size, spaced);
    if (wanted.min == 0 && !(c.need_prefix && item == 0)) walk_on(c, shape, item + 1, at, size, spaced);
    return;
  }
  if (count < wanted.max && size < kValueMax) {
    uint32_t from = at;
    const auto fits = [&](uint32_t place) {
      return place < c.text.size() && wanted.set[static_cast<unsigned char>(c.type.keep_case ? c.text[place] : upper(c.text[place]))];
    };
    if (!fits(from) && size > 0) from = past_separators(c, at);
    if (fits(from)) {
      c.value[size] = c.type.keep_case ? c.text[from] : upper(c.text[from]);
      walk(c, shape, item, static_cast<uint8_t>(count + 1), from + 1, size + 1, spaced || (from > at && c.text[at] == ' '));
    }
  }
  if (count >= wanted.min) walk_on(c, shape, item + 1, at, size, spaced);
}

std::optional<NumberMatch> match_shapes(const NumberType& type, std::string_view text, uint32_t at, bool need_prefix) {
  Cursor cursor{.type = type, .text = text, .value = {}, .steps = 0, .need_prefix = need_prefix, .best = {}};
  for (const Shape& shape : type.shapes) {
    if (need_prefix && (shape.empty() || shape[0].literals.empty())) continue;
    cursor.steps = 0;
    walk_on(cursor, shape, 0, at, 0, false);
  }
  return cursor.best;
}

}  // namespace

std::optional<NumberMatch> match_number(const NumberType& type, std::string_view text, uint32_t at) {
  if (type.any.empty()) return match_shapes(type, text, at, false);
  std::optional<NumberMatch> best;
  for (const NumberType* one : type.any) {
    const auto match = match_shapes(*one, text, at, type.prefixed);
    if (match && (!best || std::make_pair(match->checked, match->end) > std::make_pair(best->checked, best->end))) best = match;
  }
  return best;
}

const NumberType* NumberTypes::find(std::string_view id) const {
  const auto found = std::find_if(types_.begin(), types_.end(), [&](const auto& type) { return type->id == id; });
  return found == types_.end() ? nullptr : found->get();
}

}  // namespace warden::classify
