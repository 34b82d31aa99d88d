// SPDX-License-Identifier: Apache-2.0
// Every mistake an author can make, with the place where it is reported.
#include "policy/rules/bundle.h"

#include <algorithm>

#include "policy/rules/lint.h"
#include "tests/unit/policy/support.h"

namespace warden::policy {
namespace {

LoadOptions closed_names() {
  LoadOptions options = unsigned_ok();
  options.knows_class = [](std::string_view name) { return name == "pii" || name == "secret"; };
  options.knows_detector = [](std::string_view name) { return name == "us.ssn"; };
  return options;
}

std::string error_of(const std::string& text) {
  const auto program = compile(source_of(text), closed_names());
  return program ? "none" : program.error().detail;
}

struct Mistake {
  const char* spec;  // begins at line 5
  const char* error;
};

TEST(Bundle, MistakesAreReportedWhereTheyStand) {
  const Mistake mistakes[] = {
      {"  rules: [{ id: a, effect: allow, wehn: {} }]\n", "policy.yaml:5:35: unknown key \"wehn\" in a rule"},
      {"  rulez: []\n", "policy.yaml:5:3: unknown key \"rulez\""},
      {"  rules:\n    - { id: a, effect: allow, when: { identity: { usr: x } } }\n",
       "policy.yaml:6:51: unknown fact \"identity.usr\", did you mean identity.user?"},
      {"  rules: [{ id: a, effect: allow, when: { identities: {} } }]\n",
       "policy.yaml:5:43: unknown key \"identities\""},
      {"  rules: [{ id: a, effect: deny }]\n",
       "policy.yaml:5:28: effect must be one of: allow, redact, block"},
      {"  rules: [{ effect: block }]\n", "policy.yaml:5:11: a rule has no id"},
      {"  rules: [{ id: 'a b', effect: block }]\n", "policy.yaml:5:17: an id is"},
      {"  rules: [{ id: a }]\n", "has no effect"},
      {"  rules: [{ id: a, effect: block }, { id: a, effect: allow }]\n",
       "policy.yaml:5:43: id \"a\" is used twice"},
      {"  rules: [{ id: a, id: b, effect: block }]\n", "policy.yaml:5:20: key id stands twice"},
      {"  rules: [{ id: a, effect: block, when: { data: { any: [pi] } } }]\n",
       "policy.yaml:5:57: unknown data class \"pi\""},
      {"  rules: [{ id: a, effect: block, when: { data: { any: [PII] } } }]\n",
       "policy.yaml:5:57: not a data class"},
      {"  rules: [{ id: a, effect: block, when: { data: { detectors: [x] } } }]\n",
       "policy.yaml:5:63: unknown detector \"x\""},
      {"  rules: [{ id: a, effect: block, when: { data: { where: [users] } } }]\n",
       "unknown where \"users\""},
      {"  rules: [{ id: a, effect: block, when: { data: { min_confidence: 101 } } }]\n",
       "whole number from 0 to 100"},
      {"  rules: [{ id: a, effect: block, when: { data: { count: 3 } } }]\n", "count must say how"},
      {"  rules: [{ id: a, effect: block, when: { identity: { uid: bob } } }]\n",
       "policy.yaml:5:60: identity.uid must be a whole number"},
      {"  rules: [{ id: a, effect: block, when: { identity: { uid: \"7\" } } }]\n", "must be a whole number"},
      {"  rules: [{ id: a, effect: block, when: { identity: { user: { gt: 3 } } } }]\n", "it has no order"},
      {"  rules: [{ id: a, effect: block, when: { identity: { user: } } }]\n", "has no value"},
      {"  rules: [{ id: a, effect: block, when: { identity: { user: { in: nobody } } } }]\n",
       "policy.yaml:5:67: no list \"nobody\""},
      {"  rules: [{ id: a, effect: block, when: { request: { stream: yes } } }]\n", "must be true or false"},
      {"  rules: [{ id: a, effect: block, when: { destination: { host: { cidr: 10.0.0.0/33 } } } }]\n",
       "not an address block"},
      {"  rules: [{ id: a, effect: block, when: { identity: { exe_sha256: abc } } }]\n",
       "64 lower-case hex digits"},
      {"  rules: [{ id: a, effect: block, when: { time: { weekday: [saturday] } } }]\n",
       "time.weekday must be one of"},
      {"  rules: [{ id: a, effect: redact, when: { identity: { user: x } } }]\n", "has no data condition"},
      {"  rules: [{ id: a, effect: block, when: {} }]\n", "policy.yaml:5:41: an empty condition"},
      {"  rules: [{ id: a, effect: block, when: { any: [] } }]\n", "any must be a list of conditions"},
      {"  rules: [&x { id: a, effect: block }, *x]\n",
       "policy.yaml:5:11: anchors and aliases are not accepted"},
      {"  rules: [}\n", "policy.yaml:5:11: "},
      {"  defaults: { decision: maybe }\n", "policy.yaml:5:25: decision must be one of: block, allow"},
      {"  limits: [{ id: l, key: [identity.persn], tokens_per_day: 5 }]\n",
       "policy.yaml:5:27: unknown fact \"identity.persn\""},
      {"  limits: [{ id: l, key: [identity.person], tokens_per_day: 0 }]\n",
       "tokens_per_day must be a whole number from 1"},
      {"  limits: [{ id: l, key: [identity.person] }]\n", "needs an amount"},
      {"  lists: { a: b }\n", "policy.yaml:5:15: list \"a\" must be a list"},
  };
  for (const Mistake& mistake : mistakes)
    EXPECT_THAT(error_of(bundle_text(mistake.spec)), testing::HasSubstr(mistake.error)) << mistake.spec;
}

TEST(Bundle, TheHeadIsChecked) {
  EXPECT_THAT(error_of(""), testing::HasSubstr("must be a map"));
  EXPECT_THAT(error_of("apiVersion: egresswarden/v2\nkind: PolicyBundle\nspec: {}\n"),
              testing::HasSubstr("policy.yaml:1:13: apiVersion must be one of"));
  EXPECT_THAT(error_of("apiVersion: egresswarden/v1\nkind: PolicyBundle\nspec: {}\n"),
              testing::HasSubstr("metadata"));
  EXPECT_THAT(error_of(bundle_text("  rules: []\n---\na: b\n")), testing::HasSubstr("a second document"));
}

TEST(Bundle, AllMistakesAreReportedAtOnce) {
  const std::string error =
      error_of(bundle_text("  rules:\n    - { id: a, effect: x }\n    - { id: a, effect: y }\n"));
  EXPECT_EQ(std::ranges::count(error, '\n'), 2) << error;
}

TEST(Bundle, FilesOfAFolderAreOneBundle) {
  const std::string head = "apiVersion: egresswarden/v1\nkind: PolicyBundle\n";
  BundleSource source{
      "dir",
      {{"10.yaml",
        bundle_text("  rules: [{ id: one, effect: block, when: { identity: { user: { in: people } } } }]\n")},
       {"20.yaml", head + "spec:\n  lists: { people: [bob] }\n  rules: [{ id: two, effect: allow }]\n"}},
      {}};
  const auto program = compile(source, unsigned_ok());
  ASSERT_TRUE(program) << program.error().detail;
  Facts facts;
  facts.set("identity.user", "bob");
  EXPECT_EQ(decide(**program, facts).rules, (std::vector<std::string>{"one", "two"}));
  source.files[1].second += "metadata: { name: x, version: y }\n";
  EXPECT_THAT(compile(source, unsigned_ok()).error().detail,
              testing::HasSubstr("dir/20.yaml:6:11: metadata stands in more than one file"));
}

// yaml-cpp 0.7 by itself never comes back from the first three.
TEST(Bundle, MisplacedPunctuationEnds) {
  for (const char* text : {",", "#\n,", ",a", "]", "}", "a: b\n]\n", "{a: b}}", "? ]", "- ]\n- }"})
    EXPECT_NE(error_of(text), "none") << text;
}

TEST(Bundle, HostileFilesAreBounded) {
  EXPECT_THAT(error_of(std::string(2 << 20, 'a')), testing::HasSubstr("more than 1048576 bytes"));
  EXPECT_THAT(error_of(std::string(5000, '[')), testing::HasSubstr("policy.yaml:1:"));
  EXPECT_THAT(error_of("a: " + std::string(100, '[') + std::string(100, ']')),
              testing::HasSubstr("nested too deeply"));
  std::string many = "[";
  for (int i = 0; i < 300'000; ++i) many += "a,";
  EXPECT_THAT(error_of(many + "]"), testing::HasSubstr("more than 200000 values"));
  std::string deep = "  rules: [{ id: a, effect: block, when: ";
  for (int i = 0; i < 20; ++i) deep += "{ not: ";
  EXPECT_THAT(error_of(bundle_text(deep + "{ request: { stream: true } }" + std::string(20, '}') + "}]\n")),
              testing::HasSubstr("nested too deeply"));
}

TEST(Bundle, LimitsAreReadAndKept) {
  EXPECT_TRUE(
      program_of("  limits: [{ id: l, key: [identity.person], when: { identity: { group: [interns] } }, "
                 "tokens_per_day: 200000 }]\n"));
}

std::string lint_of(const std::string& spec) {
  const auto program = program_of(spec);
  std::string text;
  for (const Remark& remark : lint(*program)) text += std::to_string(remark.line) + ": " + remark.what + "\n";
  return text;
}

TEST(Lint, FindsIdleRules) {
  EXPECT_EQ(lint_of("  rules:\n    - { id: a, effect: allow, when: { identity: { user: x } } }\n"), "");
  EXPECT_THAT(lint_of("  rules:\n    - { id: a, effect: allow }\n    - { id: b, effect: block }\n"),
              testing::HasSubstr("6: rule a can never take effect: block rule b"));
  EXPECT_THAT(lint_of("  rules:\n    - { id: a, effect: allow, when: { all: [{ identity: { user: x } }, { "
                      "identity: { user: y } }] } }\n"),
              testing::HasSubstr("can never match"));
  EXPECT_THAT(lint_of("  rules:\n    - { id: a, effect: allow, when: { identity: { user: { in: [x], exists: "
                      "false } } } }\n"),
              testing::HasSubstr("can never match"));
  EXPECT_THAT(lint_of("  rules:\n    - { id: a, effect: allow, when: { identity: { user: x, unit: u } } }\n  "
                      "  - { id: b, effect: block, when: { identity: { user: [x, y] } } }\n"),
              testing::HasSubstr("rule a can never take effect"));
  // Two groups can both be there; a watching rule overrides nothing; absence alone is no contradiction.
  EXPECT_EQ(lint_of("  rules:\n    - { id: a, effect: allow, when: { all: [{ identity: { group: x } }, { "
                    "identity: { group: y } }] } }\n"),
            "");
  EXPECT_EQ(
      lint_of("  rules:\n    - { id: a, effect: allow }\n    - { id: b, mode: monitor, effect: block }\n"),
      "");
  EXPECT_EQ(lint_of("  rules:\n    - { id: a, effect: block, when: { identity: { user: x } } }\n    - { id: "
                    "b, effect: block, when: { identity: { user: x } } }\n"),
            "7: rule b adds nothing: block rule a (line 6) applies wherever it does\n");
}

}  // namespace
}  // namespace warden::policy
