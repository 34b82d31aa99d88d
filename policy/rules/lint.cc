// SPDX-License-Identifier: Apache-2.0
#include "policy/rules/lint.h"

#include <algorithm>

namespace warden::policy {
namespace {

using Parts = std::vector<const Condition*>;

// The conditions that all must hold.
void flatten(const Condition& condition, Parts& parts) {
  if (condition.kind != Condition::Kind::all) return parts.push_back(&condition);
  for (const Condition& part : condition.parts) flatten(part, parts);
}

Parts conjuncts(const Rule& rule) {
  Parts parts;
  flatten(rule.when, parts);
  return parts;
}

bool overlap(const TextSet& a, const TextSet& b) {
  if (!a.globs.empty() && !b.globs.empty()) return true;  // not worth deciding
  const auto in_b = [&b](const std::string& text) { return b.matches(text); };
  const auto in_a = [&a](const std::string& text) { return a.matches(text); };
  return std::ranges::any_of(a.exact, in_b) || std::ranges::any_of(b.exact, in_a);
}

bool has_one_value(const FactTest& test) {
  return fact_type(test.fact) != FactType::texts;
}

// Whether no value of one fact can satisfy both.
bool contradict(const FactTest& a, const FactTest& b) {
  using Kind = FactTest::Kind;
  if (a.fact != b.fact) return false;
  if (a.kind == Kind::exists && b.kind == Kind::exists) return a.wanted != b.wanted;
  // Every other condition needs a value.
  if (a.kind == Kind::exists || b.kind == Kind::exists) return !(a.kind == Kind::exists ? a : b).wanted;
  if (!has_one_value(a)) return false;
  if (a.kind != b.kind) {
    const FactTest& list = a.kind == Kind::integers ? a : b;
    const FactTest& range = a.kind == Kind::range ? a : b;
    if (list.kind != Kind::integers || range.kind != Kind::range) return false;
    return std::ranges::none_of(list.integers,
                                [&](int64_t n) { return n >= range.range.low && n <= range.range.high; });
  }
  switch (a.kind) {
    case Kind::texts:
      return !overlap(a.texts, b.texts);
    case Kind::integers:
      return std::ranges::none_of(a.integers,
                                  [&](int64_t n) { return std::ranges::binary_search(b.integers, n); });
    case Kind::range:
      return std::max(a.range.low, b.range.low) > std::min(a.range.high, b.range.high);
    case Kind::boolean:
      return a.wanted != b.wanted;
    case Kind::dates:
      return std::max(a.first, b.first) > std::min(a.last, b.last);
    default:
      return false;
  }
}

bool negates(const Condition& a, const Condition& b) {
  return a.kind == Condition::Kind::negation && same(a.parts.front(), b);
}

const Condition* contradiction(const Parts& parts) {
  for (size_t i = 0; i < parts.size(); ++i) {
    for (size_t j = i + 1; j < parts.size(); ++j) {
      const Condition &a = *parts[i], &b = *parts[j];
      const bool facts = a.kind == Condition::Kind::fact && b.kind == Condition::Kind::fact;
      if (facts && contradict(a.fact, b.fact)) return &b;
      if (negates(a, b) || negates(b, a)) return &b;
    }
  }
  return nullptr;
}

// Whether `narrow` holds only where `wide` holds too.
bool implies(const Condition& narrow, const Condition& wide) {
  if (same(narrow, wide)) return true;
  if (narrow.kind != Condition::Kind::fact || wide.kind != Condition::Kind::fact) return false;
  const FactTest &a = narrow.fact, &b = wide.fact;
  if (a.fact != b.fact) return false;
  if (b.kind == FactTest::Kind::exists) return b.wanted && a.kind != FactTest::Kind::exists;
  if (a.kind != FactTest::Kind::texts || b.kind != FactTest::Kind::texts) return false;
  const auto in_wide = [&b](const std::string& text) { return b.texts.matches(text); };
  const auto glob_in_wide = [&b](const Glob& glob) {
    return std::ranges::find(b.texts.globs, glob) != b.texts.globs.end();
  };
  return std::ranges::all_of(a.texts.exact, in_wide) && std::ranges::all_of(a.texts.globs, glob_in_wide);
}

bool covers(const Parts& wide, const Parts& narrow) {
  return std::ranges::all_of(wide, [&](const Condition* w) {
    return std::ranges::any_of(narrow, [&](const Condition* n) { return implies(*n, *w); });
  });
}

// The block rule that applies wherever `rule` does. A rule that only watches overrides nothing that acts.
const Rule* overriding(const Program& program, const std::vector<Parts>& parts, size_t index) {
  const Rule& rule = program.rules[index];
  for (size_t i = 0; i < program.rules.size(); ++i) {
    const Rule& other = program.rules[i];
    if (i == index || other.effect != Effect::block || other.mode == Mode::monitor) continue;
    if (!covers(parts[i], parts[index])) continue;
    // Of two block rules that say the same, only the later one is too many.
    if (rule.effect == Effect::block && covers(parts[index], parts[i]) && i > index) continue;
    return &other;
  }
  return nullptr;
}

}  // namespace

std::vector<Remark> lint(const Program& program) {
  std::vector<Parts> parts;
  for (const Rule& rule : program.rules) parts.push_back(conjuncts(rule));
  std::vector<Remark> remarks;
  for (size_t i = 0; i < program.rules.size(); ++i) {
    const Rule& rule = program.rules[i];
    const auto remark = [&](int line, int column, const std::string& what) {
      remarks.push_back({rule.file, line, column, rule.id, "rule " + rule.id + " " + what});
    };
    if (const Condition* at = contradiction(parts[i])) {
      remark(at->line, at->column, "can never match: its conditions contradict each other here");
    } else if (const Rule* other = overriding(program, parts, i)) {
      const bool block = rule.effect == Effect::block;
      remark(rule.line, rule.column,
             (block ? "adds nothing: block rule " : "can never take effect: block rule ") + other->id +
                 " (line " + std::to_string(other->line) + ") applies wherever it does");
    }
  }
  return remarks;
}

}  // namespace warden::policy
