// SPDX-License-Identifier: Apache-2.0
// The commands as their users see them: exit codes, JSON shapes, the default bundle, and the golden cases.
#include <filesystem>

#include "agent/base/file.h"
#include "agent/cli/policy.h"
#include "tests/unit/policy/support.h"

namespace warden::policy {
namespace {

struct Answer {
  int code = 0;
  std::string out, err;
};

Answer run(const std::string& action, const std::string& bundle, const std::string& key = {},
           const std::string& facts = {}, bool json = true) {
  cli::PolicyOptions options;
  options.action = action;
  options.bundle = bundle;
  options.key = key;
  options.facts_file = facts;
  options.json = json;
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Answer answer;
  answer.code = cli::run_policy(options);
  answer.out = testing::internal::GetCapturedStdout();
  answer.err = testing::internal::GetCapturedStderr();
  return answer;
}

const std::string kDefault = WARDEN_SOURCE_DIR "/packaging/etc/policy/default.yaml";
const std::string kGolden = WARDEN_SOURCE_DIR "/tests/golden/policy";

class Cli : public testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        (std::filesystem::temp_directory_path() / ("warden_cli_" + std::to_string(::getpid()))).string();
    std::filesystem::create_directories(folder_ + "/bundle");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string put(const std::string& name, const std::string& text) {
    EXPECT_TRUE(write_file(folder_ + "/" + name, text, 0644));
    return folder_ + "/" + name;
  }
  std::string folder_;
};

TEST_F(Cli, TheDefaultBundlePassesCheckAndTest) {
  EXPECT_EQ(run("check", kDefault).code, 0);
  const Answer test = run("test", kDefault);
  EXPECT_EQ(test.code, 0) << test.out << test.err;
  EXPECT_THAT(test.out, testing::HasSubstr("\"failed\":0"));
  EXPECT_THAT(test.out, testing::HasSubstr("\"uncovered\":[]"));
}

TEST_F(Cli, TheGoldenBundlePassesCheckAndTest) {
  EXPECT_EQ(run("check", kGolden).code, 0);
  const Answer test = run("test", kGolden, {}, {}, false);
  EXPECT_EQ(test.code, 0) << test.out << test.err;
}

TEST_F(Cli, CheckNamesThePlace) {
  const std::string bundle = put("p.yaml", bundle_text("  rules: [{ id: a, effect: deny }]\n"));
  Answer answer = run("check", bundle, {}, {}, false);
  EXPECT_EQ(answer.code, 1);
  EXPECT_EQ(answer.err, bundle + ":5:28: effect must be one of: allow, redact, block\n");
  put("p.yaml", bundle_text("  rules: [{ id: a, effect: allow }, { id: b, effect: block }]\n"));
  answer = run("check", bundle);
  EXPECT_EQ(answer.code, 1);
  EXPECT_THAT(answer.out, testing::HasSubstr(":5:11: rule a can never take effect"));
  EXPECT_EQ(run("check", folder_ + "/missing.yaml").code, 2);
}

TEST_F(Cli, TestFailsWhereTheVerdictDiffers) {
  const std::string bundle = put("p.yaml", bundle_text("  rules: [{ id: a, effect: allow }, { id: b, effect: "
                                                       "block, when: { identity: { user: x } } }]\n"));
  EXPECT_EQ(run("test", bundle).code, 1) << "no cases at all";
  put("p_test.yaml",
      "apiVersion: egresswarden/v1\nkind: PolicyTest\ncases:\n  - { name: n, facts: {}, expect: { verdict: "
      "block } }\n");
  const Answer answer = run("test", bundle, {}, {}, false);
  EXPECT_EQ(answer.code, 1);
  EXPECT_THAT(answer.out, testing::HasSubstr("verdict is allow, expected block"));
  EXPECT_THAT(answer.out, testing::HasSubstr("no case covers rule b"));
}

TEST_F(Cli, ExplainPrintsTheAgreedShape) {
  const std::string bundle = put("p.yaml", bundle_text("  rules: [{ id: a, effect: block, when: { identity: "
                                                       "{ user: [eve] } } }, { id: b, effect: allow }]\n"));
  const std::string facts = put(
      "f.json",
      R"({"identity":{"user":null,"pid":7,"pod":{"label":{"app":"x"}}},"destination":{"provider":"openai"},)"
      R"("data":[{"class":"pii","detector":"email","tier":"validated","confidence":90,"n":2,"where":"user"}],"request":{"stream":true}})");
  Answer answer = run("explain", bundle, {}, facts);
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_EQ(answer.out,
            "{\"verdict\":\"block\",\"action\":\"block\",\"rules\":[\"a\",\"b\"],\"deciding\":\"a\","
            "\"reason\":\"unresolved:identity.user\"}\n");
  put("f.json", R"({"identity":{"user":"bob"}})");
  answer = run("explain", bundle, {}, facts, false);
  EXPECT_EQ(answer.out,
            "allow: rule b decides\na (block): not matched: identity.user is \"bob\", wanted eve\nb (allow): "
            "matched: no condition\n");
  put("f.json", "{");
  EXPECT_EQ(run("explain", bundle, {}, facts).code, 2);
}

TEST_F(Cli, KeygenSignCheck) {
  const std::string key = folder_ + "/k.pem", bundle = folder_ + "/bundle";
  put("bundle/p.yaml", bundle_text("  rules: [{ id: a, effect: allow }]\n"));
  ASSERT_EQ(run("keygen", "", key).code, 0);
  EXPECT_EQ(std::filesystem::status(key).permissions() & std::filesystem::perms::all,
            std::filesystem::perms(0600));
  EXPECT_EQ(run("keygen", "", key).code, 2) << "an existing key is never overwritten";
  EXPECT_EQ(run("check", bundle, key + ".pub").code, 1) << "not signed yet";
  ASSERT_EQ(run("sign", bundle, key).code, 0);
  EXPECT_EQ(run("check", bundle, key + ".pub").code, 0);
  EXPECT_EQ(run("sign", bundle, key + ".pub").code, 2);
  EXPECT_EQ(run("nonsense", bundle).code, 2);
}

}  // namespace
}  // namespace warden::policy
