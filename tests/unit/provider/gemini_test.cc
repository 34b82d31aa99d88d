// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/unit/provider/parts.h"

namespace warden::provider {
namespace {

constexpr std::string_view kPath = "/v1beta/models/gemini-x:streamGenerateContent";

TEST(Gemini, ReadsRolesInBothSpellings) {
  const auto prompt = read_post("gemini", kPath, R"({"system_instruction":{"parts":[{"text":"sys"}]},
    "contents":[{"role":"user","parts":[{"text":"a"},{"text":"b"},{"inlineData":{"mimeType":"image/png","data":"img"}}]},
      {"role":"model","parts":[{"functionCall":{"name":"f","args":{"iban":"DE1"}},"thoughtSignature":"sig"}]},
      {"role":"user","parts":[{"function_response":{"name":"f","response":{"r":"res"}}}]}],
    "tools":[{"functionDeclarations":[{"name":"f","description":"does"}]},{"googleSearch":{}}],
    "generationConfig":{"maxOutputTokens":77}})");
  ASSERT_TRUE(prompt) << name(prompt.error());
  EXPECT_EQ(prompt->operation, "streamGenerateContent");
  EXPECT_EQ(prompt->model, "gemini-x");
  EXPECT_TRUE(prompt->stream);
  EXPECT_EQ(prompt->max_tokens, 77);
  EXPECT_EQ(prompt->tools, (std::vector<std::string>{"f", "googleSearch"}));
  EXPECT_EQ(role_of(*prompt, "sys"), Role::system);
  EXPECT_EQ(role_of(*prompt, "a"), Role::user);
  EXPECT_TRUE(part_of(*prompt, "b")->joins_previous);
  EXPECT_EQ(role_of(*prompt, "img"), Role::file);
  EXPECT_EQ(role_of(*prompt, "DE1"), Role::tool_call);
  EXPECT_EQ(role_of(*prompt, "res"), Role::tool_result);
  EXPECT_EQ(role_of(*prompt, "does"), Role::tool_definition);
  EXPECT_FALSE(part_of(*prompt, "sig")->editable);
  EXPECT_TRUE(part_of(*prompt, "DE1")->editable);
}

TEST(Gemini, ReadsItsOtherMethods) {
  const auto embed = read_post("gemini", "/v1beta/models/e:batchEmbedContents",
                               R"({"requests":[{"model":"models/e","content":{"parts":[{"text":"t"}]}}]})");
  ASSERT_TRUE(embed);
  EXPECT_EQ(role_of(*embed, "t"), Role::embedding);
  const auto count = read_post("gemini", "/v1beta/models/g:countTokens",
                               R"({"generateContentRequest":{"contents":[{"parts":[{"text":"t"}]}]}})");
  ASSERT_TRUE(count);
  EXPECT_EQ(role_of(*count, "t"), Role::user);
  const auto claude =
      read_post("gemini", "/v1/projects/p/locations/l/publishers/anthropic/models/claude-x:streamRawPredict",
                R"({"anthropic_version":"vertex","messages":[{"role":"user","content":"t"}],"stream":true})");
  ASSERT_TRUE(claude);
  EXPECT_EQ(claude->model, "claude-x");
  EXPECT_EQ(role_of(*claude, "t"), Role::user);
  EXPECT_TRUE(read_post("gemini", "/v1beta/openai/chat/completions", R"({"model":"g","messages":[]})"));
  EXPECT_EQ(read_post("gemini", "/v1beta/models/g:sing", "{}").error(), Unreadable::unknown_path);
  EXPECT_EQ(read_post("gemini", kPath, R"({"contents":[],"contents":[]})").error(), Unreadable::duplicate_member);
  EXPECT_EQ(read_post("gemini", kPath, "{}").error(), Unreadable::unknown_shape);
}

TEST(Gemini, ReadsAnswersPlainArrayAndEvents) {
  const std::string first = R"({"candidates":[{"content":{"parts":[{"text":"a"}]}}],"modelVersion":"gemini-x-001",)"
                            R"("usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":1}})";
  const std::string last = R"({"candidates":[{"finishReason":"STOP"}],"modelVersion":"gemini-x-001","usageMetadata":)"
                           R"({"promptTokenCount":9,"candidatesTokenCount":4,"thoughtsTokenCount":2,"cachedContentTokenCount":3}})";
  const auto check = [](const Usage& usage) {
    EXPECT_EQ(usage.tokens_in, 9);
    EXPECT_EQ(usage.tokens_out, 6);
    EXPECT_EQ(usage.tokens_cached, 3);
    EXPECT_EQ(usage.model, "gemini-x-001");
    EXPECT_EQ(usage.finish, std::vector<std::string>{"STOP"});
    EXPECT_TRUE(usage.terminal);
  };
  each_cut("gemini", kPath, "application/json", last, check);
  each_cut("gemini", kPath, "application/json; charset=UTF-8", "[" + first + "\n,\r\n" + last + "]", check);
  each_cut("gemini", kPath, "text/event-stream", "data: " + first + "\r\n\r\ndata: " + last + "\r\n\r\n", check);
  EXPECT_FALSE(read_answer("gemini", kPath, "text/event-stream", "data: " + first + "\r\n\r\n", 7).terminal);
}

TEST(Gemini, ShowsErrorsAsGoogleDoes) {
  const Refusal refusal{.message = "no", .request_id = "r", .path = kPath};
  const Dialect* dialect = find_dialect("gemini");
  EXPECT_EQ(dialect->error_body(refusal).find(R"({"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT")"), 0U);
  EXPECT_EQ(dialect->stream_error(refusal, "text/event-stream").find("data: {\"error\""), 0U);
  EXPECT_TRUE(dialect->stream_error(refusal, "application/json").ends_with("}]"));
}

}  // namespace
}  // namespace warden::provider
