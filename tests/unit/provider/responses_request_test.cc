// SPDX-License-Identifier: Apache-2.0
// The other operations of the OpenAI API: responses, embeddings, completions, moderations, calls without prompt.
#include <gtest/gtest.h>

#include "tests/unit/provider/parts.h"

namespace warden::provider {
namespace {

TEST(OpenaiResponses, ReadsAStringInput) {
  const auto prompt = read_post("openai", "/v1/responses",
                                R"({"model":"gpt-5","input":"hello","instructions":"be kind","max_output_tokens":9})");
  ASSERT_TRUE(prompt);
  EXPECT_EQ(prompt->operation, "responses");
  EXPECT_EQ(role_of(*prompt, "hello"), Role::user);
  EXPECT_EQ(role_of(*prompt, "be kind"), Role::system);
  EXPECT_EQ(prompt->max_tokens, 9);
}

TEST(OpenaiResponses, ReadsItems) {
  const auto prompt = read_post("openai", "/v1/responses", R"({"model":"gpt-5","safety_identifier":"s-1","input":[
    {"type":"message","role":"developer","content":[{"type":"input_text","text":"dev"}]},
    {"role":"user","content":[{"type":"input_text","text":"u1"},{"type":"input_text","text":"u2"},
                              {"type":"input_file","file_data":"f"}]},
    {"type":"reasoning","id":"r1","summary":[{"type":"summary_text","text":"sum"}],"encrypted_content":"sealed"},
    {"type":"function_call","call_id":"c","name":"fn","arguments":"{\"a\":1}"},
    {"type":"function_call_output","call_id":"c","output":"out"},
    {"type":"custom_tool_call","name":"ct","input":"in"}],
    "tools":[{"type":"function","name":"fn"},{"type":"web_search"}]})");
  ASSERT_TRUE(prompt);
  EXPECT_EQ(role_of(*prompt, "dev"), Role::system);
  EXPECT_EQ(role_of(*prompt, "u1"), Role::user);
  EXPECT_TRUE(part_of(*prompt, "u2")->joins_previous);
  EXPECT_EQ(role_of(*prompt, "f"), Role::file);
  EXPECT_EQ(role_of(*prompt, "sum"), Role::assistant);
  EXPECT_TRUE(part_of(*prompt, "sum")->editable);
  EXPECT_FALSE(part_of(*prompt, "sealed")->editable);
  EXPECT_EQ(role_of(*prompt, R"({\"a\":1})"), Role::tool_call);
  EXPECT_EQ(role_of(*prompt, "out"), Role::tool_result);
  EXPECT_EQ(role_of(*prompt, "in"), Role::tool_call);
  EXPECT_EQ(prompt->tools, (std::vector<std::string>{"fn", "web_search"}));
  ASSERT_EQ(prompt->claims.size(), 1U);
  EXPECT_EQ(prompt->claims[0].name, "safety_identifier");
}

TEST(OpenaiResponses, NeedsSomethingToAnswer) {
  EXPECT_TRUE(read_post("openai", "/v1/responses", R"({"previous_response_id":"r"})"));
  for (const std::string_view body : {R"({"model":"m"})", R"({"input":5})", R"({"input":["x"]})"}) {
    const auto prompt = read_post("openai", "/v1/responses", body);
    ASSERT_FALSE(prompt) << body;
    EXPECT_EQ(prompt.error(), Unreadable::unknown_shape) << body;
  }
  const auto twice = read_post("openai", "/v1/responses", R"({"input":"a","in\u0070ut":"b"})");
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error(), Unreadable::duplicate_member);
}

TEST(OpenaiEmbeddings, ReadsEveryFormOfInput) {
  const auto text = read_post("openai", "/v1/embeddings", R"({"model":"e","input":["one","two"],"user":"u"})");
  ASSERT_TRUE(text);
  EXPECT_EQ(text->operation, "embeddings");
  EXPECT_EQ(role_of(*text, "two"), Role::embedding);
  const auto tokens = read_post("openai", "/v1/embeddings", R"({"model":"e","input":[[1,2],[3]]})");
  ASSERT_TRUE(tokens);
  EXPECT_EQ(role_of(*tokens, "3", PartForm::json_scalar), Role::embedding);
  EXPECT_FALSE(read_post("openai", "/v1/embeddings", R"({"model":"e"})"));
}

TEST(OpenaiOthers, ReadsCompletionsAndModerations) {
  const auto completion = read_post("openai", "/v1/completions", R"({"model":"m","prompt":["p"],"suffix":"s"})");
  ASSERT_TRUE(completion);
  EXPECT_EQ(completion->operation, "completions");
  EXPECT_EQ(role_of(*completion, "p"), Role::user);
  const auto moderation =
      read_post("openai", "/v1/moderations", R"({"input":[{"type":"text","text":"t"},{"type":"image_url","image_url":{"url":"i"}}]})");
  ASSERT_TRUE(moderation);
  EXPECT_EQ(role_of(*moderation, "t"), Role::user);
  EXPECT_EQ(role_of(*moderation, "i"), Role::file);
}

TEST(OpenaiOthers, KnowsCallsWithoutPrompt) {
  const Dialect* dialect = find_dialect("openai");
  const auto models = dialect->read({"GET", "/v1/models/gpt-4o", "", ""}, "");
  ASSERT_TRUE(models);
  EXPECT_EQ(models->operation, "models");
  EXPECT_TRUE(models->parts.empty());
  EXPECT_EQ(dialect->read({"GET", "/v1/models", "", ""}, "{}").error(), Unreadable::unknown_shape) << "a body after all";
  EXPECT_EQ(dialect->read({"GET", "/v1/secrets", "", ""}, "").error(), Unreadable::unknown_path);
  EXPECT_EQ(dialect->read({"PUT", "/v1/models", "", ""}, "").error(), Unreadable::unknown_path);
}

}  // namespace
}  // namespace warden::provider
