// SPDX-License-Identifier: Apache-2.0
// What must hold of every bundle and every request: order does not matter, not knowing never opens, the index
// changes nothing.
#include <rapidcheck.h>

#include <algorithm>

#include "policy/decide/match.h"
#include "tests/unit/policy/support.h"

namespace warden::policy {
namespace {

const char* const kConditions[] = {
    "identity: { user: alice }",    "identity: { user: [alice, bob] }",
    "identity: { user: 'a*' }",     "identity: { unit: { exists: false } }",
    "identity: { group: [x, y] }",  "identity: { uid: { ge: 10 } }",
    "identity: { uid: [1, 20] }",   "destination: { provider: openai }",
    "data: { any: [pii] }",         "data: { any: [secret, pii.gov] }",
    "data: { detectors: [ssn] }",   "data: { any: [pci], exists: false }",
    "data: { all: [pii, secret] }",
};

int pick(int low, int high) {
  return *rc::gen::inRange(low, high);
}

// Two kinds of fact in one condition, or one under `not`, `any`.
std::string any_condition(int depth) {
  const std::string one = kConditions[pick(0, std::size(kConditions))];
  if (depth == 0) return one;
  switch (pick(0, 5)) {
    case 0:
      return "not: { " + any_condition(depth - 1) + " }";
    case 1:
      return "any: [{ " + any_condition(depth - 1) + " }, { " + any_condition(depth - 1) + " }]";
    case 2:
      return "all: [{ " + any_condition(depth - 1) + " }, { " + any_condition(depth - 1) + " }]";
    default:
      return one;
  }
}

std::vector<std::string> any_rules() {
  std::vector<std::string> rules;
  const int count = pick(1, 7);
  for (int i = 0; i < count; ++i) {
    const char* effects[] = {"allow", "redact", "block"};
    const int effect = pick(0, 3);
    std::string when = any_condition(2);
    if (effect == 1)
      when = "all: [{ " + when + " }, { data: { any: [" + (pick(0, 2) == 0 ? "pii" : "secret") + "] } }]";
    rules.push_back("    - { id: r" + std::to_string(i) + ", effect: " + effects[effect] +
                    ", mode: " + (pick(0, 4) == 0 ? "monitor" : "enforce") + ", when: { " + when + " } }\n");
  }
  return rules;
}

std::string spec_of(const std::vector<std::string>& rules, bool allow) {
  std::string spec = std::string("  defaults: { decision: ") + (allow ? "allow" : "block") + " }\n  rules:\n";
  for (const std::string& rule : rules) spec += rule;
  return spec;
}

Facts any_facts() {
  Facts facts;
  const auto text = [&](const char* name, std::initializer_list<const char*> values) {
    const int at = pick(-2, static_cast<int>(values.size()));
    if (at == -2) facts.set(name, Unresolved{});
    if (at >= 0) facts.set(name, std::string(values.begin()[at]));
  };
  text("identity.user", {"alice", "bob", "carol"});
  text("identity.unit", {"a.service"});
  text("destination.provider", {"openai", "other"});
  if (const int at = pick(0, 4); at == 0)
    facts.set("identity.group", Unresolved{});
  else if (at == 1)
    facts.set("identity.group", Texts{"x", "z"});
  if (const int at = pick(0, 4); at == 0)
    facts.set("identity.uid", Unresolved{});
  else if (at < 3)
    facts.set("identity.uid", int64_t{at * 10});
  const std::string_view tiers[] = {"validated", "asserted", "lexical", "suppressed"};
  for (int i = pick(0, 4); i > 0; --i) {
    const char* classes[] = {"pii.gov", "secret", "pci", "pii.contact"};
    facts.data.push_back(row(classes[pick(0, 4)], pick(0, 2) == 0 ? "ssn" : "d", tiers[pick(0, 4)]));
  }
  if (pick(0, 8) == 0) facts.data_status = DataStatus::partial;
  return facts;
}

std::vector<std::string> sorted(std::vector<std::string> texts) {
  std::ranges::sort(texts);
  return texts;
}

TEST(Property, TheOrderOfRulesDoesNotMatter) {
  EXPECT_TRUE(rc::check([] {
    std::vector<std::string> rules = any_rules();
    const bool allow = pick(0, 2) == 0;
    const Facts facts = any_facts();
    const Verdict one = decide(*program_of(spec_of(rules, allow)), facts);
    std::ranges::rotate(rules, rules.begin() + pick(0, static_cast<int>(rules.size())));
    if (pick(0, 2) == 0) std::ranges::reverse(rules);
    const Verdict other = decide(*program_of(spec_of(rules, allow)), facts);
    RC_ASSERT(one.outcome == other.outcome);
    RC_ASSERT(one.action == other.action);
    RC_ASSERT(one.redact == other.redact);
    RC_ASSERT(sorted(one.rules) == sorted(other.rules));
  }));
}

// Hiding one fact, or the findings, never makes the action milder and never leaves in what was edited before.
TEST(Property, NotKnowingNeverHelps) {
  EXPECT_TRUE(rc::check([] {
    const auto program = program_of(spec_of(any_rules(), pick(0, 2) == 0));
    const Facts facts = any_facts();
    const Verdict known = decide(*program, facts);
    const char* names[] = {"identity.user", "identity.unit",        "identity.group",
                           "identity.uid",  "destination.provider", "data"};
    Facts hidden = facts;
    const std::string name = names[pick(0, std::size(names))];
    if (name == "data")
      hidden.data_status = DataStatus::error;
    else
      hidden.set(name, Unresolved{});
    const Verdict blind = decide(*program, hidden);
    RC_ASSERT(blind.action >= known.action);
    if (blind.action == Action::redact && known.action == Action::redact)
      RC_ASSERT(std::ranges::includes(blind.redact, known.redact));
  }));
}

TEST(Property, TheIndexOffersEveryRuleThatIsNotFalse) {
  EXPECT_TRUE(rc::check([] {
    const auto program = program_of(spec_of(any_rules(), false));
    const Facts facts = any_facts();
    Matches matches;
    const View view = find_matches(*program, facts, facts.data_status == DataStatus::complete, matches);
    for (const Rule& rule : program->rules) {
      const Truth truth = rule_truth(rule, view);
      const bool met = truth == Truth::yes || (truth == Truth::unknown && rule.effect != Effect::allow);
      RC_ASSERT(met ==
                std::ranges::any_of(matches.list, [&](const Match& match) { return match.rule == &rule; }));
    }
  }));
}

TEST(Property, MonitoredRulesDoNotAct) {
  EXPECT_TRUE(rc::check([] {
    const std::vector<std::string> rules = any_rules();
    std::vector<std::string> enforced;
    for (const std::string& rule : rules)
      if (rule.find("mode: monitor") == std::string::npos) enforced.push_back(rule);
    const bool allow = pick(0, 2) == 0;
    const Facts facts = any_facts();
    const Verdict with = decide(*program_of(spec_of(rules, allow)), facts);
    const Verdict without = decide(*program_of(spec_of(enforced, allow)), facts);
    RC_ASSERT(with.action == without.action);
    if (with.action == Action::redact) RC_ASSERT(with.redact == without.redact);
  }));
}

}  // namespace
}  // namespace warden::policy
