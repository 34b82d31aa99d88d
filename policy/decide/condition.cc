// SPDX-License-Identifier: Apache-2.0
#include "policy/decide/condition.h"

#include <algorithm>

#include "agent/base/address.h"

namespace warden::policy {
namespace {

Truth truth(bool value) {
  return value ? Truth::yes : Truth::no;
}

bool contains(const std::vector<std::string>& list, std::string_view text) {
  return std::ranges::find(list, text) != list.end();
}

bool in_block(const Endpoint& endpoint, const Block& block) {
  const size_t whole = block.bits / 8;
  if (!std::equal(block.address, block.address + whole, endpoint.address.begin())) return false;
  if (block.bits % 8 == 0) return true;
  const uint8_t mask = static_cast<uint8_t>(0xff << (8 - block.bits % 8));
  return (block.address[whole] & mask) == (endpoint.address[whole] & mask);
}

bool text_satisfies(const FactTest& test, std::string_view text) {
  switch (test.kind) {
    case FactTest::Kind::texts:
      return test.texts.matches(text);
    case FactTest::Kind::dates:
      return text >= test.first && text <= test.last;
    case FactTest::Kind::blocks: {
      if (text.size() > 64) return false;
      const auto endpoint = Endpoint::parse(std::string(text), 0);
      return endpoint &&
             std::ranges::any_of(test.blocks, [&](const Block& b) { return in_block(*endpoint, b); });
    }
    default:
      return false;
  }
}

bool wants_text(FactTest::Kind kind) {
  return kind == FactTest::Kind::texts || kind == FactTest::Kind::dates || kind == FactTest::Kind::blocks;
}

// A fact of another type than its name promises was set wrongly: we do not know it, which closes.
Truth evaluate_fact(const FactTest& test, const Fact* fact) {
  using Kind = FactTest::Kind;
  const auto* list = fact == nullptr ? nullptr : std::get_if<Texts>(fact);
  const bool absent =
      fact == nullptr || std::holds_alternative<Absent>(*fact) || (list != nullptr && list->empty());
  if (absent) return truth(test.kind == Kind::exists && !test.wanted);
  if (std::holds_alternative<Unresolved>(*fact)) return Truth::unknown;
  if (test.kind == Kind::exists) return truth(test.wanted);
  if (const auto* number = std::get_if<int64_t>(fact)) {
    if (test.kind == Kind::integers) return truth(std::ranges::binary_search(test.integers, *number));
    if (test.kind == Kind::range) return truth(*number >= test.range.low && *number <= test.range.high);
    return Truth::unknown;
  }
  if (const auto* flag = std::get_if<bool>(fact))
    return test.kind == Kind::boolean ? truth(*flag == test.wanted) : Truth::unknown;
  if (!wants_text(test.kind)) return Truth::unknown;
  if (const auto* text = std::get_if<std::string>(fact)) return truth(text_satisfies(test, *text));
  return truth(
      std::ranges::any_of(*list, [&](const std::string& text) { return text_satisfies(test, text); }));
}

// A row always stands for at least one finding, and a sum that would overflow stays at the top.
int64_t add_count(int64_t sum, const DataFact& row) {
  const int64_t n = std::max<int64_t>(row.n, 1);
  return n > std::numeric_limits<int64_t>::max() - sum ? std::numeric_limits<int64_t>::max() : sum + n;
}

Truth evaluate_data(const DataTest& test, const View& view) {
  if (!view.data_known) return Truth::unknown;
  int64_t sum = 0;
  for (const DataFact& row : *view.rows)
    if (test.selects(row)) sum = add_count(sum, row);
  if (sum < test.count.low || sum > test.count.high) return Truth::no;
  if (!test.all) return Truth::yes;
  return truth(std::ranges::all_of(test.classes, [&](const std::string& wanted) {
    return std::ranges::any_of(*view.rows, [&](const DataFact& row) {
      return class_covers(wanted, row.data_class) && test.selects(row);
    });
  }));
}

}  // namespace

bool TextSet::matches(std::string_view text) const {
  if (std::ranges::binary_search(exact, text)) return true;
  return std::ranges::any_of(globs, [text](const Glob& glob) { return glob.matches(text); });
}

bool class_covers(std::string_view wanted, std::string_view data_class) {
  return data_class.starts_with(wanted) &&
         (data_class.size() == wanted.size() || data_class[wanted.size()] == '.');
}

bool DataTest::selects(const DataFact& row) const {
  if (row.tier == "suppressed" || row.confidence < confidence_min) return false;
  const auto covers = [&row](const std::string& wanted) { return class_covers(wanted, row.data_class); };
  if (!classes.empty() && std::ranges::none_of(classes, covers)) return false;
  if (!detectors.empty() && !detectors.matches(row.detector)) return false;
  if (!where.empty() && !contains(where, row.where)) return false;
  return tiers.empty() || contains(tiers, row.tier);
}

Truth evaluate(const Condition& condition, const View& view) {
  switch (condition.kind) {
    case Condition::Kind::fact:
      return evaluate_fact(condition.fact, view.slots[condition.fact.slot]);
    case Condition::Kind::data:
      return evaluate_data(condition.data, view);
    case Condition::Kind::negation:
      return negate(evaluate(condition.parts.front(), view));
    case Condition::Kind::all: {
      Truth least = Truth::yes;
      for (const Condition& part : condition.parts) {
        least = std::min(least, evaluate(part, view));
        if (least == Truth::no) break;
      }
      return least;
    }
    case Condition::Kind::any: {
      Truth greatest = Truth::no;
      for (const Condition& part : condition.parts) {
        greatest = std::max(greatest, evaluate(part, view));
        if (greatest == Truth::yes) break;
      }
      return greatest;
    }
  }
  return Truth::unknown;
}

std::string_view unresolved_fact(const Condition& condition, const View& view) {
  if (condition.kind == Condition::Kind::fact) return condition.fact.fact;
  if (condition.kind == Condition::Kind::data) return "data";
  for (const Condition& part : condition.parts)
    if (evaluate(part, view) == Truth::unknown) return unresolved_fact(part, view);
  return "data";
}

void select_rows(const Condition& condition, const View& view, Truth least, std::vector<uint8_t>& chosen) {
  if (condition.kind == Condition::Kind::negation || condition.kind == Condition::Kind::fact) return;
  if (evaluate(condition, view) < least) return;
  if (condition.kind == Condition::Kind::data) {
    for (size_t i = 0; i < view.rows->size(); ++i)
      if (condition.data.selects((*view.rows)[i])) chosen[i] = 1;
    return;
  }
  for (const Condition& part : condition.parts) select_rows(part, view, least, chosen);
}

bool selects_any(const Condition& condition, const View& view) {
  if (condition.kind == Condition::Kind::negation || condition.kind == Condition::Kind::fact) return false;
  if (evaluate(condition, view) == Truth::no) return false;
  if (condition.kind == Condition::Kind::data)
    return std::ranges::any_of(*view.rows, [&](const DataFact& row) { return condition.data.selects(row); });
  return std::ranges::any_of(condition.parts, [&](const Condition& part) { return selects_any(part, view); });
}

bool has_positive_data(const Condition& condition) {
  if (condition.kind == Condition::Kind::data) return true;
  if (condition.kind == Condition::Kind::negation) return false;
  return std::ranges::any_of(condition.parts, has_positive_data);
}

bool same(const Condition& a, const Condition& b) {
  return a.kind == b.kind && a.fact == b.fact && a.data == b.data &&
         std::ranges::equal(a.parts, b.parts, same);
}

}  // namespace warden::policy
