// SPDX-License-Identifier: Apache-2.0
// What a decision costs with 1,000 rules of which few can match. Under sanitizers the time means nothing and
// only the relation between many and few rules is held.
#include <algorithm>

#include "agent/base/clock.h"
#include "tests/unit/policy/support.h"

namespace warden::policy {
namespace {

std::string rules(int count) {
  std::string spec =
      "  rules:\n    - { id: secrets, effect: block, when: { data: { any: [secret] } } }\n"
      "    - { id: numbers, effect: redact, when: { identity: { group: [staff] }, data: { any: [pii.gov, "
      "pci] } } }\n";
  for (int i = 0; i < count; ++i) {
    const std::string n = std::to_string(i);
    spec += "    - { id: u" + n + ", effect: " + (i % 3 == 0 ? "block" : "allow") +
            ", when: { identity: { unit: [svc" + n +
            ".service], group: [staff] }, destination: { provider: [openai], model: 'gpt-*' }, data: { any: "
            "[pii], exists: false } } }\n";
  }
  return spec + "    - { id: rest, effect: allow, when: { destination: { provider: [openai] } } }\n";
}

Facts request() {
  Facts facts;
  for (const char* name :
       {"identity.user", "identity.exe", "identity.exe_sha256", "identity.person", "identity.container.image",
        "destination.host", "destination.api", "destination.op", "host.name"})
    facts.set(name, "something of usual length");
  facts.set("identity.uid", int64_t{1000});
  facts.set("identity.unit", "svc77.service");
  facts.set("identity.group", Texts{"staff", "audio", "video"});
  facts.set("identity.argv", Texts{"node", "server.js"});
  facts.set("destination.provider", "openai");
  facts.set("destination.model", "gpt-5-mini");
  facts.data = {row("pii.gov", "us.ssn"), row("pii.contact", "email"), row("pci", "pan.visa")};
  return facts;
}

double ns_per_decision(const Program& program, const Facts& facts) {
  double best = 1e18;
  for (int round = 0; round < 5; ++round) {
    const int64_t start = monotonic_ns();
    constexpr int kTimes = 2000;
    size_t matched = 0;
    for (int i = 0; i < kTimes; ++i) matched += decide(program, facts).rules.size();
    EXPECT_GT(matched, 0u);
    best = std::min(best, static_cast<double>(monotonic_ns() - start) / kTimes);
  }
  return best;
}

TEST(Bench, DecidingDoesNotGrowWithRulesThatCannotMatch) {
  const Facts facts = request();
  const double few = ns_per_decision(*program_of(rules(80)), facts);
  const double many = ns_per_decision(*program_of(rules(1000)), facts);
  RecordProperty("ns_with_80_rules", static_cast<int>(few));
  RecordProperty("ns_with_1000_rules", static_cast<int>(many));
  std::printf("decide: %.0f ns with 80 rules, %.0f ns with 1000\n", few, many);
  EXPECT_LT(many, few * 3 + 500);
#if defined(NDEBUG)
  EXPECT_LT(many, 20'000) << "the target is 5,000 on a quiet machine";
#endif
}

}  // namespace
}  // namespace warden::policy
