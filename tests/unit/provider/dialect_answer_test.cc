// SPDX-License-Identifier: Apache-2.0
// What each dialect's answers say of model, counts and end, plain and streamed, whole and cut anywhere.
#include <gtest/gtest.h>

#include "tests/unit/provider/parts.h"
#include "tlsproxy/provider/aws_event_stream.h"

namespace warden::provider {
namespace {

using namespace std::string_literals;

struct Told {
  std::optional<int64_t> in, out, cached;
  std::string model;
  std::vector<std::string> finish;
};

void tells(std::string_view dialect, std::string_view path, std::string_view type, std::string_view bytes, const Told& told) {
  each_cut(dialect, path, type, bytes, [&](const Usage& usage) {
    EXPECT_EQ(usage.tokens_in, told.in) << dialect << " " << path;
    EXPECT_EQ(usage.tokens_out, told.out) << dialect << " " << path;
    EXPECT_EQ(usage.tokens_cached, told.cached) << dialect << " " << path;
    EXPECT_EQ(usage.model, told.model) << dialect << " " << path;
    EXPECT_EQ(usage.finish, told.finish) << dialect << " " << path;
    EXPECT_TRUE(usage.terminal) << dialect << " " << path;
  });
}

std::string event(std::string_view type, std::string_view payload) {
  return aws_event({{":event-type", type}, {":content-type", "application/json"}, {":message-type", "event"}}, payload);
}

constexpr std::string_view kFrames = "application/vnd.amazon.eventstream";

TEST(BedrockAnswer, ReadsConverse) {
  const Told told{5, 7, 2, "", {"end_turn"}};
  tells("bedrock", "/model/m/converse", "application/json",
        R"({"output":{},"stopReason":"end_turn","usage":{"inputTokens":5,"outputTokens":7,"cacheReadInputTokens":2}})", told);
  tells("bedrock", "/model/m/converse-stream", kFrames,
        event("messageStart", R"({"role":"assistant"})") + event("contentBlockDelta", R"({"delta":{"text":"hi"}})") +
            event("messageStop", R"({"stopReason":"end_turn"})") +
            event("metadata", R"({"usage":{"inputTokens":5,"outputTokens":7,"cacheReadInputTokens":2}})"),
        told);
}

TEST(BedrockAnswer, ReadsInvoke) {
  tells("bedrock", "/model/m/invoke", "application/json",
        R"({"model":"claude","stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":4}})", {3, 4, {}, "claude", {"end_turn"}});
  // {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":4}}
  // {"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":3,"outputTokenCount":4}}
  tells("bedrock", "/model/m/invoke-with-response-stream", kFrames,
        event("chunk", R"({"bytes":"eyJ0eXBlIjoibWVzc2FnZV9kZWx0YSIsImRlbHRhIjp7InN0b3BfcmVhc29uIjoiZW5kX3R1cm4ifSwidXNhZ2UiOnsib3V0cHV0X3Rva2VucyI6NH19"})") +
            event("chunk", R"({"bytes":"eyJ0eXBlIjoibWVzc2FnZV9zdG9wIiwiYW1hem9uLWJlZHJvY2staW52b2NhdGlvbk1ldHJpY3MiOnsiaW5wdXRUb2tlbkNvdW50IjozLCJvdXRwdXRUb2tlbkNvdW50Ijo0fX0="})"),
        {3, 4, {}, "", {"end_turn"}});
}

TEST(AwsEventStream, RefusesAWrongCrcAndImpossibleLengths) {
  const auto count = [](std::string_view bytes, bool& broken) {
    AwsEventReader reader;
    size_t events = 0;
    for (const char& byte : bytes) reader.feed({&byte, 1}, [&](const AwsEvent&) { ++events; });
    broken = reader.broken();
    return events;
  };
  const std::string good = event("a", "{}");
  bool broken = false;
  EXPECT_EQ(count(good + good, broken), 2U);
  EXPECT_FALSE(broken);
  for (size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    EXPECT_EQ(count(bad, broken), 0U) << at;
    EXPECT_TRUE(broken) << at;
  }
  EXPECT_EQ(count(good.substr(0, good.size() - 1), broken), 0U);
  EXPECT_FALSE(broken) << "the rest may come";
  AwsEventReader reader;
  const std::string large = event("a", std::string(AwsEventReader::kFrameBytesMax, 'x'));
  size_t events = 0;
  reader.feed(large + good, [&](const AwsEvent&) { ++events; });
  EXPECT_EQ(events, 1U);
  EXPECT_EQ(reader.dropped(), 1U);
}

// The CRCs as zlib gives them for the bytes of the published format: length, headers' length, then all.
TEST(AwsEventStream, WritesThePublishedLayout) {
  const std::string frame = aws_event({}, "");
  EXPECT_EQ(frame, "\0\0\0\x10\0\0\0\0\x05\xc2\x48\xeb\x7d\x98\xc8\xff"s);  // the empty message
}

TEST(OllamaAnswer, ReadsLines) {
  const std::string first = R"({"model":"m","message":{"content":"a"},"done":false})" "\n";
  const std::string last = R"({"model":"m","done":true,"done_reason":"stop","prompt_eval_count":8,"eval_count":2})" "\n";
  const Told told{8, 2, {}, "m", {"stop"}};
  tells("ollama", "/api/chat", "application/x-ndjson", first + last, told);
  tells("ollama", "/api/chat", "application/json; charset=utf-8", last, told);
  EXPECT_FALSE(read_answer("ollama", "/api/chat", "application/x-ndjson", first, 5).terminal);
}

TEST(CohereAnswer, ReadsBothVersions) {
  const Told told{4, 6, {}, "", {"COMPLETE"}};
  tells("cohere", "/v2/chat", "application/json",
        R"({"finish_reason":"COMPLETE","usage":{"billed_units":{"input_tokens":1,"output_tokens":6},"tokens":{"input_tokens":4,"output_tokens":6}}})", told);
  tells("cohere", "/v2/chat", "text/event-stream",
        "event: content-delta\ndata: {\"type\":\"content-delta\"}\n\nevent: message-end\ndata: {\"type\":\"message-end\",\"delta\":"
        "{\"finish_reason\":\"COMPLETE\",\"usage\":{\"tokens\":{\"input_tokens\":4,\"output_tokens\":6}}}}\n\n", told);
  tells("cohere", "/v1/chat", "application/stream+json",
        "{\"event_type\":\"text-generation\",\"text\":\"a\"}\n{\"event_type\":\"stream-end\",\"finish_reason\":\"COMPLETE\","
        "\"response\":{\"meta\":{\"tokens\":{\"input_tokens\":4,\"output_tokens\":6}}}}\n", told);
}

TEST(HuggingfaceAnswer, ReadsGeneration) {
  const Told told{3, 5, {}, "", {"length"}};
  tells("huggingface", "/generate", "application/json",
        R"({"generated_text":"a","details":{"finish_reason":"length","generated_tokens":5,"input_length":3}})", told);
  tells("huggingface", "/generate_stream", "text/event-stream",
        "data:{\"token\":{\"text\":\"a\"},\"generated_text\":null,\"details\":null}\n\n"
        "data:{\"token\":{\"text\":\"b\"},\"generated_text\":\"ab\",\"details\":{\"finish_reason\":\"length\",\"generated_tokens\":5,\"input_length\":3}}\n\n", told);
}

TEST(WatsonxAnswer, ReadsGenerationAndChat) {
  tells("watsonx", "/ml/v1/text/generation", "application/json",
        R"({"model_id":"g","results":[{"generated_text":"a","generated_token_count":4,"input_token_count":9,"stop_reason":"eos_token"}]})",
        {9, 4, {}, "g", {"eos_token"}});
  tells("watsonx", "/ml/v1/text/chat_stream", "text/event-stream",
        "event: message\ndata: {\"model_id\":\"g\",\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
        "event: message\ndata: {\"model_id\":\"g\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":4}}\n\n",
        {9, 4, {}, "g", {"stop"}});
}

TEST(ReplicateAnswer, ReadsPredictions) {
  tells("replicate", "/v1/predictions", "application/json",
        R"({"model":"a/b","status":"succeeded","metrics":{"input_token_count":2,"output_token_count":3}})", {2, 3, {}, "a/b", {"succeeded"}});
  tells("replicate", "/v1/predictions", "text/event-stream", "event: output\ndata: hi\n\nevent: done\ndata: {}\n\n", {{}, {}, {}, "", {}});
}

TEST(McpAnswer, TellsResultsFromErrors) {
  tells("mcp", "/mcp", "application/json", R"({"jsonrpc":"2.0","id":1,"result":{"content":[]}})", {{}, {}, {}, "", {"result"}});
  tells("mcp", "/mcp", "text/event-stream", "event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-1}}\n\n",
        {{}, {}, {}, "", {"error"}});
}

TEST(MistralAnswer, ReadsChatsAndConversations) {
  tells("mistral", "/v1/chat/completions", "application/json",
        R"({"model":"m","choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}})", {1, 2, {}, "m", {"stop"}});
  tells("mistral", "/v1/conversations", "text/event-stream",
        "event: conversation.response.done\ndata: {\"type\":\"conversation.response.done\",\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\n",
        {1, 2, {}, "", {}});
}

TEST(DatabricksAndAzureAnswer, AreReadAsOpenais) {
  for (const auto& [dialect, path] : {std::pair{"databricks", "/serving-endpoints/e/invocations"},
                                      std::pair{"azure-openai", "/openai/deployments/d/chat/completions"},
                                      std::pair{"gateway", "/v1/a/g/openai/chat/completions"}}) {
    tells(dialect, path, "application/json", R"({"model":"m","choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}})",
          {1, 2, {}, "m", {"stop"}});
    tells(dialect, path, "text/event-stream", "data: {\"model\":\"m\",\"choices\":[{\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n",
          {1, 2, {}, "m", {"stop"}});
  }
}

TEST(Answers, AreBoundedInEveryForm) {
  for (const std::string_view dialect : dialect_names())
    for (const std::string_view type : {"application/x-ndjson", "text/event-stream", "application/json"}) {
      const auto reader = find_dialect(dialect)->answer({"POST", "/v1/x", "", ""}, 200, type);
      const std::string block(1 << 20, 'x');
      for (int i = 0; i < 12; ++i) reader->body(block);
      EXPECT_FALSE(reader->finish().terminal) << dialect << " " << type;
    }
}

}  // namespace
}  // namespace warden::provider
