// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "policy/decide/match.h"

namespace warden::policy {
namespace {

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string wanted(const TextSet& set) {
  std::vector<std::string> words = set.exact;
  for (const Glob& glob : set.globs) words.push_back(glob.pattern());
  return join(words);
}

std::string bounds(const Range& range) {
  const bool low = range.low != Range{}.low, high = range.high != Range{}.high;
  if (low && high) return "from " + std::to_string(range.low) + " to " + std::to_string(range.high);
  return low ? "at least " + std::to_string(range.low) : "at most " + std::to_string(range.high);
}

std::string wanted(const FactTest& test) {
  using Kind = FactTest::Kind;
  switch (test.kind) {
    case Kind::exists:
      return test.wanted ? "present" : "absent";
    case Kind::texts:
      return wanted(test.texts);
    case Kind::integers: {
      std::vector<std::string> words;
      for (const int64_t number : test.integers) words.push_back(std::to_string(number));
      return join(words);
    }
    case Kind::range:
      return bounds(test.range);
    case Kind::boolean:
      return test.wanted ? "true" : "false";
    case Kind::blocks:
      return "one of the address blocks";
    case Kind::dates:
      return test.first + " to " + test.last;
  }
  return "";
}

std::string value_of(const std::string& name, const Fact* fact) {
  if (fact == nullptr || std::holds_alternative<Absent>(*fact)) return "absent";
  if (const auto* unresolved = std::get_if<Unresolved>(fact))
    return unresolved->why.empty() ? "unresolved" : "unresolved (" + unresolved->why + ")";
  // Command lines carry credentials, and this text may end in a ticket.
  if (name == "identity.argv") return "something else";
  if (const auto* text = std::get_if<std::string>(fact)) return "\"" + *text + "\"";
  if (const auto* number = std::get_if<int64_t>(fact)) return std::to_string(*number);
  if (const auto* flag = std::get_if<bool>(fact)) return *flag ? "true" : "false";
  return "[" + join(std::get<Texts>(*fact)) + "]";
}

std::string wanted(const DataTest& test) {
  std::string text = test.classes.empty() ? "findings" : (test.all ? "all of " : "") + join(test.classes);
  if (!test.detectors.empty()) text += " by " + wanted(test.detectors);
  if (!test.where.empty()) text += " in " + join(test.where);
  if (!test.tiers.empty()) text += " of tier " + join(test.tiers);
  if (test.confidence_min > 0) text += " with confidence of at least " + std::to_string(test.confidence_min);
  if (test.count.low != 1 || test.count.high != Range{}.high) text += ", " + bounds(test.count) + " of them";
  return text;
}

// The part of the condition that made it what it is, in words.
std::string because(const Condition& condition, const View& view) {
  const Truth truth = evaluate(condition, view);
  switch (condition.kind) {
    case Condition::Kind::fact:
      return condition.fact.fact + " is " + value_of(condition.fact.fact, view.slots[condition.fact.slot]) +
             ", wanted " + wanted(condition.fact);
    case Condition::Kind::data:
      if (!view.data_known) return "data: not completely classified, wanted " + wanted(condition.data);
      return (truth == Truth::yes ? "data has " : "data has no ") + wanted(condition.data);
    case Condition::Kind::negation:
      return "not (" + because(condition.parts.front(), view) + ")";
    case Condition::Kind::all:
    case Condition::Kind::any:
      break;
  }
  std::string text;
  for (const Condition& part : condition.parts) {
    if (evaluate(part, view) != truth) continue;
    text += (text.empty() ? "" : "; ") + because(part, view);
    // One false part is reason enough against `all`, one true part reason enough for `any`.
    const bool enough = condition.kind == Condition::Kind::all ? truth != Truth::yes : truth != Truth::no;
    if (enough) break;
  }
  return text.empty() ? "no condition" : text;
}

std::string line_of(const Rule& rule, const View& view) {
  std::string text = rule.id + " (" + std::string(name(rule.effect)) +
                     (rule.mode == Mode::monitor ? ", monitor" : "") + "): ";
  const Truth truth = rule_truth(rule, view);
  if (truth == Truth::yes) return text + "matched: " + because(rule.when, view);
  if (truth == Truth::no) {
    if (evaluate(rule.when, view) == Truth::yes) return text + "not matched: it selects no finding to edit";
    return text + "not matched: " + because(rule.when, view);
  }
  text += rule.effect == Effect::allow ? "unknown, so not matched: " : "unknown, so it counts as met: ";
  return text + because(rule.when, view);
}

std::string headline(const Verdict& verdict) {
  std::string text = std::string(name(verdict.outcome)) + ": ";
  if (verdict.deciding.empty()) {
    text += "no rule decided, the bundle's default does";
  } else {
    text += "rule " + verdict.deciding + " decides";
  }
  if (verdict.reason != "rule" && verdict.reason != "default") text += " (" + verdict.reason + ")";
  if (name(verdict.action) != name(verdict.outcome))
    text += "; monitor mode, what is done: " + std::string(name(verdict.action));
  return text;
}

}  // namespace

std::string explain(const Program& program, const Facts& facts) {
  Matches matches;
  const View view = find_matches(program, facts, facts.data_status == DataStatus::complete, matches);
  std::string text = headline(decide(program, facts)) + "\n";
  for (const Rule& rule : program.rules) text += line_of(rule, view) + "\n";
  return text;
}

}  // namespace warden::policy
