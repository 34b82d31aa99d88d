// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/unit/provider/parts.h"

namespace warden::provider {
namespace {

constexpr std::string_view kChat = R"({"model":"gpt-4o","stream":true,"max_tokens":12,"user":"u-1",
 "messages":[{"role":"system","content":"sys"},{"role":"developer","content":"dev"},
  {"content":[{"type":"text","text":"one"},{"type":"text","text":"two"},
    {"type":"image_url","image_url":{"url":"data:x"}},{"type":"text","text":"three"}],"role":"user","name":"bob"},
  {"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function",
    "function":{"name":"f","arguments":"{\"ssn\":\"078-05-1120\"}"}}]},
  {"role":"tool","tool_call_id":"c1","content":"result"}],
 "tools":[{"type":"function","function":{"name":"f","description":"does f","parameters":{"type":"object"}}}],
 "metadata":{"user_id":"m-1"},"seed":78051120,"odd":{"deep":[true,null,-1.5e3]}})";

std::expected<Prompt, Unreadable> chat(std::string_view body) {
  return read_post("openai", "/v1/chat/completions", body);
}

TEST(OpenaiChat, ReadsWhatDecides) {
  const auto prompt = chat(kChat);
  ASSERT_TRUE(prompt) << name(prompt.error());
  EXPECT_EQ(prompt->operation, "chat.completions");
  EXPECT_EQ(prompt->model, "gpt-4o");
  EXPECT_TRUE(prompt->stream);
  EXPECT_EQ(prompt->max_tokens, 12);
  EXPECT_EQ(prompt->tools, std::vector<std::string>{"f"});
  ASSERT_EQ(prompt->claims.size(), 2U);
  EXPECT_EQ(prompt->claims[0].value, "u-1");
  EXPECT_EQ(prompt->claims[1].name, "metadata.user_id");
}

TEST(OpenaiChat, GivesEachPartItsRole) {
  const auto prompt = chat(kChat);
  ASSERT_TRUE(prompt);
  EXPECT_EQ(role_of(*prompt, "sys"), Role::system);
  EXPECT_EQ(role_of(*prompt, "dev"), Role::system);
  EXPECT_EQ(role_of(*prompt, "one"), Role::user) << "the role stands after the content";
  EXPECT_EQ(role_of(*prompt, "bob"), Role::user);
  EXPECT_EQ(role_of(*prompt, "data:x"), Role::file);
  EXPECT_EQ(role_of(*prompt, R"({\"ssn\":\"078-05-1120\"})"), Role::tool_call);
  EXPECT_EQ(role_of(*prompt, "result"), Role::tool_result);
  EXPECT_EQ(role_of(*prompt, "does f"), Role::tool_definition);
  EXPECT_EQ(role_of(*prompt, "parameters", PartForm::json_name), Role::tool_definition);
}

TEST(OpenaiChat, LeavesNothingOut) {
  const auto prompt = chat(kChat);
  ASSERT_TRUE(prompt);
  EXPECT_NE(part_of(*prompt, "78051120", PartForm::json_scalar), nullptr);
  EXPECT_NE(part_of(*prompt, "odd", PartForm::json_name), nullptr);
  const Part* deep = part_of(*prompt, "-1.5e3", PartForm::json_scalar);
  ASSERT_NE(deep, nullptr);
  EXPECT_EQ(deep->label, "deep") << "an array element goes by its array's name";
  const char* last = kChat.data();
  for (const Part& part : prompt->parts) {
    EXPECT_GE(part.raw.data(), last) << "order of appearance, in the caller's bytes";
    EXPECT_LE(part.raw.data() + part.raw.size(), kChat.data() + kChat.size());
    last = part.raw.data();
  }
}

TEST(OpenaiChat, JoinsAdjacentText) {
  const auto prompt = chat(kChat);
  ASSERT_TRUE(prompt);
  EXPECT_FALSE(part_of(*prompt, "one")->joins_previous);
  EXPECT_TRUE(part_of(*prompt, "two")->joins_previous);
  EXPECT_FALSE(part_of(*prompt, "three")->joins_previous) << "an image stands between";
}

struct Bad {
  std::string_view body;
  Unreadable why;
};
class OpenaiChatRefuses : public testing::TestWithParam<Bad> {};

TEST_P(OpenaiChatRefuses, WithItsReason) {
  const auto prompt = chat(GetParam().body);
  ASSERT_FALSE(prompt) << GetParam().body;
  EXPECT_EQ(name(prompt.error()), name(GetParam().why)) << GetParam().body;
}

INSTANTIATE_TEST_SUITE_P(
    All, OpenaiChatRefuses,
    testing::Values(Bad{R"({"model":"a","messages":[],"model":"b"})", Unreadable::duplicate_member},
                    Bad{R"({"model":"a","messages":[],"mod\u0065l":"b"})", Unreadable::duplicate_member},
                    Bad{R"({"model":"a","messages":[],"Model":"b"})", Unreadable::duplicate_member},
                    Bad{R"({"messages":[],"messages":[]})", Unreadable::duplicate_member},
                    Bad{R"({"messages":[],"stream":true,"stream":false})", Unreadable::duplicate_member},
                    Bad{R"({"messages":[{"role":"user","content":"a","content":"b"}]})",
                        Unreadable::duplicate_member},
                    Bad{R"({"model":"a"})", Unreadable::unknown_shape},
                    Bad{R"({"messages":"hi"})", Unreadable::unknown_shape},
                    Bad{R"({"messages":["hi"]})", Unreadable::unknown_shape},
                    Bad{R"({"messages":[{"content":"hi"}]})", Unreadable::unknown_shape},
                    Bad{R"({"messages":[],"stream":"true"})", Unreadable::unknown_shape},
                    Bad{R"({"messages":[],"model":5})", Unreadable::unknown_shape},
                    Bad{R"([])", Unreadable::unknown_shape}, Bad{"", Unreadable::invalid_json},
                    Bad{R"({"messages":[]} x)", Unreadable::trailing_data},
                    Bad{"\xEF\xBB\xBF{\"messages\":[]}", Unreadable::invalid_json},
                    Bad{"{\"messages\":[],\"a\":\"\xff\"}", Unreadable::invalid_utf8},
                    Bad{R"({"messages":[],"a":"\ud800"})", Unreadable::invalid_utf8}));

TEST(Openai, KnowsItsPathsUnderAnyPrefix) {
  const std::string_view body = R"({"messages":[]})";
  EXPECT_TRUE(read_post("openai", "/openai/v1/chat/completions", body));
  EXPECT_TRUE(read_post("openai", "/chat/completions", body));
  const auto azure = read_post("openai", "/openai/deployments/my-gpt/chat/completions", body);
  ASSERT_TRUE(azure);
  EXPECT_EQ(azure->model, "my-gpt");
  const auto unknown = read_post("openai", "/v1/something", body);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error(), Unreadable::unknown_path);
}

}  // namespace
}  // namespace warden::provider
