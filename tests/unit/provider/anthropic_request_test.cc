// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/unit/provider/parts.h"

namespace warden::provider {
namespace {

constexpr std::string_view kMessages = R"({"model":"claude-x","max_tokens":64,"stream":true,
 "system":[{"type":"text","text":"sys1"},{"type":"text","text":"sys2","cache_control":{"type":"ephemeral"}}],
 "metadata":{"user_id":"u-9"},
 "messages":[{"role":"user","content":"plain"},
  {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"sig"},
    {"type":"redacted_thinking","data":"sealed"},{"type":"text","text":"ok"},
    {"type":"tool_use","id":"t1","name":"get","input":{"iban":"DE00","n":4111}}]},
  {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":[{"type":"text","text":"r1"},
    {"type":"text","text":"r2"},{"type":"image","source":{"data":"img"}}]},
    {"type":"document","source":{"data":"doc"}}]}],
 "tools":[{"name":"get","description":"gets","input_schema":{"type":"object"}}]})";

TEST(AnthropicMessages, ReadsWhatDecidesAndTheRoles) {
  const auto prompt = read_post("anthropic", "/v1/messages", kMessages);
  ASSERT_TRUE(prompt) << name(prompt.error());
  EXPECT_EQ(prompt->operation, "messages");
  EXPECT_EQ(prompt->model, "claude-x");
  EXPECT_TRUE(prompt->stream);
  EXPECT_EQ(prompt->max_tokens, 64);
  EXPECT_EQ(prompt->tools, std::vector<std::string>{"get"});
  ASSERT_EQ(prompt->claims.size(), 1U);
  EXPECT_EQ(prompt->claims[0].name, "metadata.user_id");
  EXPECT_EQ(prompt->claims[0].value, "u-9");
  EXPECT_EQ(role_of(*prompt, "sys1"), Role::system);
  EXPECT_EQ(role_of(*prompt, "plain"), Role::user);
  EXPECT_EQ(role_of(*prompt, "ok"), Role::assistant);
  EXPECT_EQ(role_of(*prompt, "DE00"), Role::tool_call);
  EXPECT_EQ(role_of(*prompt, "4111", PartForm::json_scalar), Role::tool_call);
  EXPECT_EQ(role_of(*prompt, "iban", PartForm::json_name), Role::tool_call);
  EXPECT_EQ(role_of(*prompt, "r1"), Role::tool_result);
  EXPECT_EQ(role_of(*prompt, "img"), Role::file);
  EXPECT_EQ(role_of(*prompt, "doc"), Role::file);
  EXPECT_EQ(role_of(*prompt, "gets"), Role::tool_definition);
}

TEST(AnthropicMessages, LeavesSignedPartsAloneAndJoinsText) {
  const auto prompt = read_post("anthropic", "/v1/messages", kMessages);
  ASSERT_TRUE(prompt);
  for (const std::string_view sealed : {"hm", "sig", "sealed"})
    EXPECT_FALSE(part_of(*prompt, sealed)->editable) << sealed;
  for (const std::string_view open : {"ok", "DE00", "r1", "sys1"})
    EXPECT_TRUE(part_of(*prompt, open)->editable) << open;
  EXPECT_TRUE(part_of(*prompt, "sys2")->joins_previous);
  EXPECT_TRUE(part_of(*prompt, "r2")->joins_previous);
  EXPECT_FALSE(part_of(*prompt, "r1")->joins_previous);
}

TEST(AnthropicMessages, CountsTokensAndListsModels) {
  const auto count =
      read_post("anthropic", "/v1/messages/count_tokens", R"({"messages":[{"role":"user","content":"c"}]})");
  ASSERT_TRUE(count);
  EXPECT_EQ(count->operation, "messages.count_tokens");
  const auto models = find_dialect("anthropic")->read({"GET", "/v1/models", "limit=5", ""}, "");
  ASSERT_TRUE(models);
  EXPECT_EQ(models->operation, "models");
}

TEST(AnthropicMessages, Refuses) {
  const auto why = [](std::string_view body) { return read_post("anthropic", "/v1/messages", body).error(); };
  EXPECT_EQ(why(R"({"model":"m"})"), Unreadable::unknown_shape);
  EXPECT_EQ(why(R"({"messages":[{"role":"user"}],"system":"a","system":"b"})"), Unreadable::duplicate_member);
  EXPECT_EQ(why(R"({"messages":[{"role":"user","role":"assistant"}]})"), Unreadable::duplicate_member);
  EXPECT_EQ(why(R"({"messages":[{"role":"user","content":[{"type":"text","text":"a","text":"b"}]}]})"),
            Unreadable::duplicate_member);
  EXPECT_EQ(read_post("anthropic", "/v1/poems", "{}").error(), Unreadable::unknown_path);
}

}  // namespace
}  // namespace warden::provider
