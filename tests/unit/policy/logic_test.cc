// SPDX-License-Identifier: Apache-2.0
// Kleene's tables, globs, and what each operator says of a value, an absent and an unresolved fact.
#include "policy/decide/condition.h"
#include "policy/decide/program.h"
#include "tests/unit/policy/support.h"

namespace warden::policy {
namespace {

constexpr Truth kNo = Truth::no, kMaybe = Truth::unknown, kYes = Truth::yes;

// The value of `when` for a fact identity.user = a (yes), b (no), unresolved (unknown) for each of two facts.
Truth value_of(const std::string& when, Truth first, Truth second) {
  const auto program = program_of("  rules:\n    - { id: r, effect: block, when: " + when + " }\n");
  const auto fact = [](Truth truth) {
    return truth == kMaybe ? Fact(Unresolved{}) : Fact(truth == kYes ? "a" : "b");
  };
  Facts facts;
  facts.set("identity.user", fact(first));
  facts.set("identity.unit", fact(second));
  std::vector<const Fact*> slots;
  std::vector<uint64_t> candidates;
  program->look_up(facts, true, slots, candidates);
  const Truth truth = evaluate(program->rules[0].when, View{slots, &facts.data, true});
  // The index must offer every rule that is not plainly false.
  EXPECT_TRUE(truth == kNo || candidates[0] == 1u) << when;
  return truth;
}

TEST(Logic, KleeneTables) {
  const Truth all[] = {kNo, kMaybe, kYes};
  for (const Truth a : all) {
    EXPECT_EQ(value_of("{ not: { identity: { user: a } } }", a, kNo), negate(a));
    for (const Truth b : all) {
      EXPECT_EQ(value_of("{ identity: { user: a, unit: a } }", a, b), std::min(a, b));
      EXPECT_EQ(value_of("{ all: [{ identity: { user: a } }, { identity: { unit: a } }] }", a, b),
                std::min(a, b));
      EXPECT_EQ(value_of("{ any: [{ identity: { user: a } }, { identity: { unit: a } }] }", a, b),
                std::max(a, b));
    }
  }
  EXPECT_EQ(negate(kYes), kNo);
  EXPECT_EQ(negate(kMaybe), kMaybe);
}

struct Ask {
  const char* when;
  const char* fact;
  Fact value;
  Truth truth;
};

TEST(Logic, Operators) {
  const Ask asks[] = {
      {"identity: { user: alice }", "identity.user", "alice", kYes},
      {"identity: { user: alice }", "identity.user", "Alice", kNo},
      {"identity: { user: alice }", "identity.user", Absent{}, kNo},
      {"identity: { user: alice }", "identity.user", Unresolved{}, kMaybe},
      {"identity: { user: alice }", "identity.user", int64_t{7}, kMaybe},
      {"identity: { user: { not: alice } }", "identity.user", Absent{}, kYes},
      {"identity: { user: { not: [alice, bob] } }", "identity.user", "bob", kNo},
      {"identity: { user: { exists: false } }", "identity.user", Absent{}, kYes},
      {"identity: { user: { exists: false } }", "identity.user", "x", kNo},
      {"identity: { user: { exists: true } }", "identity.user", Unresolved{}, kMaybe},
      {"identity: { group: { exists: true } }", "identity.group", Texts{}, kNo},
      {"identity: { group: [b, c] }", "identity.group", Texts{"a", "b"}, kYes},
      {"identity: { group: { all: [b, c] } }", "identity.group", Texts{"a", "b"}, kNo},
      {"identity: { group: { all: [b, c] } }", "identity.group", Texts{"c", "b"}, kYes},
      {"identity: { uid: 1000 }", "identity.uid", int64_t{1000}, kYes},
      {"identity: { uid: [0, 1] }", "identity.uid", int64_t{1000}, kNo},
      {"identity: { uid: 1000 }", "identity.uid", "1000", kMaybe},
      {"identity: { uid: { ge: 1000, lt: 2000 } }", "identity.uid", int64_t{1999}, kYes},
      {"identity: { uid: { ge: 1000, lt: 2000 } }", "identity.uid", int64_t{2000}, kNo},
      {"identity: { uid: { gt: 1000 } }", "identity.uid", int64_t{1000}, kNo},
      {"identity: { uid: { le: 1000 } }", "identity.uid", Unresolved{}, kMaybe},
      {"identity: { exe: /usr/bin/* }", "identity.exe", "/usr/bin/curl", kYes},
      {"identity: { exe: /usr/bin/* }", "identity.exe", "/tmp/usr/bin/curl", kNo},
      {"identity: { exe: '/usr/\\*' }", "identity.exe", "/usr/*", kYes},
      {"identity: { exe: '/usr/\\*' }", "identity.exe", "/usr/x", kNo},
      {"identity: { pod.label.app: web }", "identity.pod.label.app", "web", kYes},
      {"identity: { pod: { label: { app: web } } }", "identity.pod.label.app", "web", kYes},
      {"host: { env: [prod, stage] }", "host.env", "prod", kYes},
      {"request: { stream: true }", "request.stream", true, kYes},
      {"request: { stream: false }", "request.stream", true, kNo},
      {"request: { tools: [shell*] }", "request.tools", Texts{"read", "shell_exec"}, kYes},
      {"destination: { host: { cidr: [10.0.0.0/9, '2001:db8::/33'] } }", "destination.host", "10.127.0.1",
       kYes},
      {"destination: { host: { cidr: [10.0.0.0/9, '2001:db8::/33'] } }", "destination.host", "10.128.0.1",
       kNo},
      {"destination: { host: { cidr: [10.0.0.0/9, '2001:db8::/33'] } }", "destination.host",
       "2001:db8:7fff::1", kYes},
      {"destination: { host: { cidr: [10.0.0.0/9, '2001:db8::/33'] } }", "destination.host",
       "2001:db8:8000::1", kNo},
      {"destination: { host: { cidr: 0.0.0.0/0 } }", "destination.host", "::1", kNo},
      {"destination: { host: { cidr: 0.0.0.0/0 } }", "destination.host", "api.openai.com", kNo},
      {"time: { date: { ge: 2026-11-01, le: 2026-11-30 } }", "time.date", "2026-11-30", kYes},
      {"time: { date: { ge: 2026-11-01, le: 2026-11-30 } }", "time.date", "2026-12-01", kNo},
      {"time: { weekday: [sat, sun] }", "time.weekday", "sun", kYes},
  };
  for (const Ask& ask : asks) {
    const auto program =
        program_of(std::string("  rules:\n    - { id: r, effect: block, when: { ") + ask.when + " } }\n");
    Facts facts;
    facts.set(ask.fact, ask.value);
    std::vector<const Fact*> slots;
    std::vector<uint64_t> candidates;
    program->look_up(facts, true, slots, candidates);
    const Truth truth = evaluate(program->rules[0].when, View{slots, &facts.data, true});
    EXPECT_EQ(truth, ask.truth) << ask.when << " of " << ask.fact;
    EXPECT_TRUE(truth == kNo || candidates[0] == 1u) << ask.when;
  }
}

struct DataAsk {
  const char* data;
  bool holds;
};

TEST(Logic, DataConditions) {
  std::vector<DataFact> rows = {row("pii.gov", "us.ssn", "validated", 90, "user"),
                                row("pii.contact", "email", "lexical", 40, "tool_result"),
                                row("secret", "aws.key", "suppressed", 99, "user")};
  rows[1].n = 3;
  const DataAsk asks[] = {
      {"any: [pii]", true},
      {"any: [pii.gov]", true},
      {"any: [pii.go]", false},
      {"any: [phi, pii.contact]", true},
      {"any: [secret]", false},
      {"all: [pii.gov, pii.contact]", true},
      {"all: [pii, phi]", false},
      {"any: [pii], min_confidence: 91", false},
      {"detectors: [us.*]", true},
      {"detectors: [us.ssn], any: [pii.contact]", false},
      {"detectors: [aws.key]", false},
      {"where: [tool_result]", true},
      {"any: [pii.gov], where: [tool_result]", false},
      {"any: [pii], count: { ge: 4 }", true},
      {"any: [pii], count: { ge: 5 }", false},
      {"any: [pii], count: { gt: 3, lt: 5 }", true},
      {"any: [phi], count: { le: 5 }", true},
      {"any: [pii], min_count: 4", true},
      {"exists: true", true},
      {"exists: false", false},
      {"any: [phi], exists: false", true},
      {"tier: [asserted]", false},
      {"tier: [validated], any: [pii]", true},
  };
  for (const DataAsk& ask : asks) {
    const auto program = program_of(
        std::string(
            "  defaults: { decision: allow }\n  rules:\n    - { id: r, effect: block, when: { data: { ") +
        ask.data + " } } }\n");
    Facts facts;
    facts.data = rows;
    EXPECT_EQ(decide(*program, facts).outcome == Outcome::block, ask.holds) << ask.data;
    facts.data_status = DataStatus::partial;
    EXPECT_EQ(decide(*program, facts).reason, "unresolved:data") << ask.data;
  }
}

TEST(Glob, Matches) {
  const struct {
    const char *pattern, *text;
    bool matches;
  } asks[] = {
      {"*", "", true},          {"a*", "a", true},        {"a*", "ba", false},     {"*a", "ba", true},
      {"a*a", "a", false},      {"a*a", "aa", true},      {"a?c", "abc", true},    {"a?c", "ac", false},
      {"*b?d*", "abcde", true}, {"*ab*ab", "abab", true}, {"*ab*ab", "ab", false}, {"a**b", "ab", true},
      {"\\**", "*x", true},     {"\\**", "x", false},     {"*.*.*", "a.b", false}, {"??", "ab", true}};
  for (const auto& ask : asks)
    EXPECT_EQ(Glob::compile(ask.pattern)->matches(ask.text), ask.matches) << ask.pattern;
  EXPECT_FALSE(Glob::compile("a\\"));
  EXPECT_FALSE(Glob::compile(std::string(17, '*')));
  EXPECT_FALSE(Glob::compile(std::string(513, 'a')));
}

}  // namespace
}  // namespace warden::policy
