// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/unit/provider/parts.h"
#include "tlsproxy/provider/json_walk.h"

namespace warden::provider {
namespace {

Usage read(std::string_view dialect, std::string_view content_type, std::string_view bytes, size_t piece) {
  const auto reader = find_dialect(dialect)->answer({"POST", "/v1/x", "", ""}, 200, content_type);
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) reader->body(bytes.substr(0, piece));
  return reader->finish();
}

// Whole, and in pieces that split every line.
template <class Check>
void each_cut(std::string_view dialect, std::string_view type, std::string_view bytes, const Check& check) {
  for (const size_t piece : {size_t{1}, size_t{13}, bytes.size()}) check(read(dialect, type, bytes, piece));
}

TEST(OpenaiAnswer, ReadsAChat) {
  each_cut("openai", "application/json", R"({"model":"gpt-4o-1","choices":[{"finish_reason":"stop"},{"finish_reason":"length"}],
    "usage":{"prompt_tokens":11,"completion_tokens":7,"prompt_tokens_details":{"cached_tokens":4}}})",
           [](const Usage& usage) {
             EXPECT_EQ(usage.tokens_in, 11);
             EXPECT_EQ(usage.tokens_out, 7);
             EXPECT_EQ(usage.tokens_cached, 4);
             EXPECT_EQ(usage.model, "gpt-4o-1");
             EXPECT_EQ(usage.finish, (std::vector<std::string>{"stop", "length"}));
             EXPECT_TRUE(usage.terminal);
           });
}

TEST(OpenaiAnswer, ReadsAChatStream) {
  const std::string stream =
      "data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"hi\"},\"finish_reason\":null}],\"usage\":null}\n\n"
      "data: {\"model\":\"m\",\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
      "data: {\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n";
  each_cut("openai", "Text/Event-Stream; charset=utf-8", stream + "data: [DONE]\n\n", [](const Usage& usage) {
    EXPECT_EQ(usage.tokens_in, 3);
    EXPECT_EQ(usage.tokens_out, 2);
    EXPECT_EQ(usage.finish, std::vector<std::string>{"stop"});
    EXPECT_TRUE(usage.terminal);
  });
  EXPECT_FALSE(read("openai", "text/event-stream", stream, 99).terminal) << "cut before its end";
}

TEST(OpenaiAnswer, ReadsResponses) {
  const std::string whole = R"({"object":"response","status":"completed","model":"gpt-5",)"
                            R"("usage":{"input_tokens":5,"output_tokens":6,"input_tokens_details":{"cached_tokens":1}}})";
  const auto check = [](const Usage& usage) {
    EXPECT_EQ(usage.tokens_in, 5);
    EXPECT_EQ(usage.tokens_out, 6);
    EXPECT_EQ(usage.tokens_cached, 1);
    EXPECT_EQ(usage.model, "gpt-5");
    EXPECT_EQ(usage.finish, std::vector<std::string>{"completed"});
    EXPECT_TRUE(usage.terminal);
  };
  each_cut("openai", "application/json", whole, check);
  each_cut("openai", "text/event-stream",
           "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"object\":\"response\","
           "\"status\":\"in_progress\",\"model\":\"gpt-5\",\"usage\":null}}\n\n"
           "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":" + whole + "}\n\n",
           check);
}

TEST(AnthropicAnswer, ReadsMessagesPlainAndStreamed) {
  const auto check = [](const Usage& usage) {
    EXPECT_EQ(usage.tokens_in, 10);
    EXPECT_EQ(usage.tokens_out, 25);
    EXPECT_EQ(usage.tokens_cached, 2);
    EXPECT_EQ(usage.model, "claude-x");
    EXPECT_EQ(usage.finish, std::vector<std::string>{"end_turn"});
    EXPECT_TRUE(usage.terminal);
  };
  each_cut("anthropic", "application/json", R"({"type":"message","model":"claude-x","stop_reason":"end_turn",
    "usage":{"input_tokens":10,"output_tokens":25,"cache_read_input_tokens":2}})", check);
  each_cut("anthropic", "text/event-stream",
           "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"claude-x\",\"stop_reason\":null,"
           "\"usage\":{\"input_tokens\":10,\"output_tokens\":1,\"cache_read_input_tokens\":2}}}\n\n"
           "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},"
           "\"usage\":{\"output_tokens\":25}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
           check);
}

TEST(Answer, StaysBounded) {
  std::string errors;
  for (int i = 0; i < 1000; ++i) errors += "data: {\"type\":\"error\"}\n\n";
  EXPECT_LE(read("openai", "text/event-stream", errors, 4096).finish.size(), 32U);
  const std::string huge = "{\"usage\":{\"prompt_tokens\":1},\"x\":\"" + std::string(9 << 20, 'x') + "\"}";
  EXPECT_EQ(read("openai", "application/json", huge, 65536).tokens_in, std::nullopt);
}

TEST(Answer, SaysNothingOfWhatItCannotRead) {
  const Usage usage = read("openai", "text/html", "<html>", 3);
  EXPECT_FALSE(usage.terminal);
  EXPECT_FALSE(usage.tokens_in);
}

TEST(ErrorBody, HasTheProvidersShape) {
  const Refusal policy{.status = 400, .code = "policy_violation", .message = "rule \"r\" of req-1", .request_id = "req-1"};
  EXPECT_EQ(find_dialect("openai")->error_body(policy),
            R"({"error":{"message":"rule \"r\" of req-1","type":"invalid_request_error","param":null,"code":"policy_violation"}})");
  EXPECT_EQ(find_dialect("anthropic")->error_body(policy),
            R"({"type":"error","error":{"type":"invalid_request_error","message":"rule \"r\" of req-1"},"request_id":"req-1"})");
  for (const std::string_view dialect : {"openai", "anthropic"})
    for (const int status : {400, 429, 503}) {
      Tape tape;
      const std::string body =
          find_dialect(dialect)->error_body({.status = status, .code = "c", .message = "\x01\"\\\xff\n", .request_id = "r"});
      EXPECT_FALSE(walk_json(body, tape)) << body;
    }
  EXPECT_NE(find_dialect("anthropic")->error_body({.status = 503, .message = "m", .request_id = {}}).find("api_error"),
            std::string::npos);
  EXPECT_EQ(find_dialect("smalltalk"), nullptr);
}

}  // namespace
}  // namespace warden::provider
