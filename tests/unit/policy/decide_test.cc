// SPDX-License-Identifier: Apache-2.0
#include "policy/decide/decide.h"

#include "tests/unit/policy/support.h"

namespace warden::policy {
namespace {

// The bundle of the design page.
constexpr const char* kAcme = R"(
  defaults: { decision: block, mode: enforce, on_unreadable: block, on_untrusting_client: block }
  lists:
    approved_models: [gpt-5*, claude-*]
  rules:
    - id: no-secrets
      effect: block
      when: { data: { any: [secret] } }
      message: Credentials must not be sent to a model.
    - id: phi-only-to-covered
      effect: block
      when: { data: { any: [phi] }, not: { destination: { provider: [azure-openai] } } }
    - id: analysts-redact
      effect: redact
      when: { identity: { group: [analysts] }, data: { any: [pii], min_confidence: 60 } }
    - id: service-may-talk
      effect: allow
      when: { identity: { unit: [rag-api.service] }, destination: { provider: [openai], model: { in: approved_models } } }
    - id: new-detectors-watch
      mode: monitor
      effect: block
      when: { data: { any: [mnpi] } }
)";

Facts service() {
  Facts facts;
  facts.set("identity.unit", "rag-api.service");
  facts.set("destination.provider", "openai");
  facts.set("destination.model", "gpt-5-mini");
  return facts;
}

TEST(Decide, AllowsWhatARuleAllowsAndDefaultsToBlock) {
  const auto program = program_of(kAcme);
  Facts facts = service();
  Verdict verdict = decide(*program, facts);
  EXPECT_EQ(verdict.outcome, Outcome::allow);
  EXPECT_EQ(verdict.action, Action::allow);
  EXPECT_EQ(verdict.deciding, "service-may-talk");
  EXPECT_EQ(verdict.reason, "rule");
  facts.set("destination.model", "o9");
  verdict = decide(*program, facts);
  EXPECT_EQ(verdict.outcome, Outcome::block);
  EXPECT_EQ(verdict.deciding, "");
  EXPECT_EQ(verdict.reason, "default");
}

TEST(Decide, BlockOverridesAllow) {
  const auto program = program_of(kAcme);
  Facts facts = service();
  facts.data = {row("secret", "aws.key")};
  const Verdict verdict = decide(*program, facts);
  EXPECT_EQ(verdict.outcome, Outcome::block);
  EXPECT_EQ(verdict.deciding, "no-secrets");
  EXPECT_EQ(verdict.message, "Credentials must not be sent to a model.");
  EXPECT_EQ(verdict.rules, (std::vector<std::string>{"no-secrets", "service-may-talk"}));
}

TEST(Decide, SuppressedFindingsNeverMatch) {
  const auto program = program_of(kAcme);
  Facts facts = service();
  facts.data = {row("secret", "aws.key", "suppressed")};
  EXPECT_EQ(decide(*program, facts).outcome, Outcome::allow);
}

TEST(Decide, RedactsWhatItsDataConditionSelects) {
  const auto program = program_of(kAcme);
  Facts facts;
  facts.set("identity.group", Texts{"staff", "analysts"});
  facts.data = {row("pii.gov", "us.ssn"), row("pii.contact", "email", "lexical", 30)};
  Verdict verdict = decide(*program, facts);
  EXPECT_EQ(verdict.outcome, Outcome::redact);
  EXPECT_EQ(verdict.action, Action::redact);
  EXPECT_EQ(verdict.redact, std::vector<size_t>{0});
  // A validated finding that no matching rule covers stops the edited form.
  facts.data.push_back(row("bank", "iban"));
  verdict = decide(*program, facts);
  EXPECT_EQ(verdict.outcome, Outcome::block);
  EXPECT_EQ(verdict.reason, "uncovered:bank");
  EXPECT_EQ(verdict.deciding, "analysts-redact");
}

TEST(Decide, AnAllowRuleCoversTheRest) {
  const std::string rules = R"(
  rules:
    - { id: cards, effect: redact, when: { data: { any: [pci] } } }
    - { id: mail, effect: allow, when: { data: { any: [pii.contact] } } }
)";
  Facts facts;
  facts.data = {row("pci", "pan.visa"), row("pii.contact", "email")};
  EXPECT_EQ(decide(*program_of(rules), facts).action, Action::redact);
  facts.data.push_back(row("bank", "iban", "asserted"));
  EXPECT_EQ(decide(*program_of(rules), facts).action, Action::block);
  EXPECT_EQ(decide(*program_of(rules + "    - { id: rest, effect: allow }\n"), facts).action, Action::redact);
  // `not` is a condition on the data as well, but it selects nothing: such a rule lets the whole request
  // through.
  const std::string negative =
      "    - { id: rest, effect: allow, when: { not: { data: { any: [secret] } } } }\n";
  EXPECT_EQ(decide(*program_of(rules + negative), facts).action, Action::redact);
}

TEST(Decide, MonitorDecidesAndIsRecordedButDoesNotAct) {
  const auto program = program_of(kAcme);
  Facts facts = service();
  facts.data = {row("mnpi", "deal", "lexical")};
  const Verdict verdict = decide(*program, facts);
  EXPECT_EQ(verdict.outcome, Outcome::block);
  EXPECT_EQ(verdict.action, Action::allow);
  EXPECT_EQ(verdict.mode, Mode::monitor);
  EXPECT_EQ(verdict.deciding, "new-detectors-watch");
}

TEST(Decide, AMonitoredAllowOpensNothing) {
  const auto program = program_of("  rules:\n    - { id: a, mode: monitor, effect: allow }\n");
  const Verdict verdict = decide(*program, Facts{});
  EXPECT_EQ(verdict.outcome, Outcome::allow);
  EXPECT_EQ(verdict.action, Action::block);
}

TEST(Decide, ABundleInMonitorModeLetsEverythingPassButSaysWhatItWouldDo) {
  const auto program = program_of(R"(
  defaults: { mode: monitor }
  rules:
    - { id: s, effect: block, when: { data: { any: [secret] } } }
    - { id: real, mode: enforce, effect: block, when: { data: { any: [phi] } } }
)");
  Facts facts;
  Verdict verdict = decide(*program, facts);
  EXPECT_EQ(verdict.outcome, Outcome::block);
  EXPECT_EQ(verdict.action, Action::allow);
  EXPECT_EQ(verdict.mode, Mode::monitor);
  facts.data = {row("secret")};
  EXPECT_EQ(decide(*program, facts).action, Action::allow);
  facts.data = {row("phi"), row("secret")};
  verdict = decide(*program, facts);
  EXPECT_EQ(verdict.action, Action::block);
  EXPECT_EQ(verdict.deciding, "real");
}

TEST(Decide, UnresolvedClosesOnBothSides) {
  const auto program = program_of(R"(
  defaults: { decision: allow }
  rules:
    - { id: b, effect: block, when: { identity: { user: [mallory] } } }
)");
  Facts facts;
  EXPECT_EQ(decide(*program, facts).outcome, Outcome::allow) << "absent is plain false";
  facts.set("identity.user", Unresolved{"no passwd entry"});
  Verdict verdict = decide(*program, facts);
  EXPECT_EQ(verdict.outcome, Outcome::block);
  EXPECT_EQ(verdict.reason, "unresolved:identity.user");
  const auto allowing =
      program_of("  rules:\n    - { id: a, effect: allow, when: { identity: { user: [alice] } } }\n");
  EXPECT_EQ(decide(*allowing, facts).reason, "default");
  EXPECT_EQ(decide(*allowing, facts).outcome, Outcome::block);
}

TEST(Decide, AnUnknownRedactBlocks) {
  const auto program = program_of(R"(
  rules:
    - { id: r, effect: redact, when: { identity: { group: [analysts] }, data: { any: [pii] } } }
    - { id: a, effect: allow }
)");
  Facts facts;
  facts.data = {row("pii.gov")};
  facts.set("identity.group", Unresolved{});
  Verdict verdict = decide(*program, facts);
  EXPECT_EQ(verdict.action, Action::block);
  EXPECT_EQ(verdict.reason, "unresolved:identity.group");
  facts.set("identity.group", Texts{"analysts"});
  EXPECT_EQ(decide(*program, facts).action, Action::redact);
  facts.data_status = DataStatus::partial;
  verdict = decide(*program, facts);
  EXPECT_EQ(verdict.action, Action::block);
  EXPECT_EQ(verdict.reason, "unresolved:data");
}

TEST(Decide, UnreadableFollowsTheBundle) {
  const std::string rules = R"(
  rules:
    - { id: no-interns, effect: block, when: { identity: { group: [interns] } } }
    - { id: no-secrets, effect: block, when: { data: { any: [secret] } } }
)";
  Facts facts;
  Verdict verdict = decide_unreadable(*program_of("  defaults: { on_unreadable: block }\n" + rules), facts,
                                      "body_too_large");
  EXPECT_EQ(verdict.outcome, Outcome::not_evaluated);
  EXPECT_EQ(verdict.action, Action::block);
  EXPECT_EQ(verdict.reason, "unreadable:body_too_large");
  const auto open = program_of("  defaults: { on_unreadable: allow }\n" + rules);
  EXPECT_EQ(decide_unreadable(*open, facts, "x").action, Action::allow);
  for (const Fact& group : {Fact(Texts{"interns"}), Fact(Unresolved{})}) {
    facts.set("identity.group", group);
    verdict = decide_unreadable(*open, facts, "x");
    EXPECT_EQ(verdict.outcome, Outcome::not_evaluated);
    EXPECT_EQ(verdict.action, Action::block);
    EXPECT_EQ(verdict.deciding, "no-interns");
  }
}

}  // namespace
}  // namespace warden::policy
