// SPDX-License-Identifier: Apache-2.0
// ConverseStream: events named by the frame; messageStop gives the reason, metadata (the last) the counts.
// Invoke's stream: "chunk" frames whose payload holds the model's own event in base64, the last one with the
// metrics of the invocation.
#include "tlsproxy/provider/bedrock_answer.h"

#include <openssl/evp.h>

#include "tlsproxy/http/media_type.h"
#include "tlsproxy/provider/answer_reader.h"
#include "tlsproxy/provider/aws_event_stream.h"
#include "tlsproxy/provider/dialects.h"
#include "tlsproxy/provider/error_body.h"

namespace warden::provider {
namespace {

std::string from_base64(std::string_view coded) {
  std::string out(coded.size() / 4 * 3 + 3, '\0');
  const int size =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(coded.data()), static_cast<int>(coded.size()));
  if (size < 0) return {};
  const size_t padding = coded.ends_with("==") ? 2 : coded.ends_with("=") ? 1 : 0;
  out.resize(static_cast<size_t>(size) - std::min(padding, static_cast<size_t>(size)));
  return out;
}

// The members that a Bedrock answer may have, whichever model speaks.
class BedrockDocument final : public JsonAnswerReader {
 public:
  using JsonAnswerReader::JsonAnswerReader;
  Usage& usage() { return usage_; }
  void take(const Body& json, size_t object) {
    if (const size_t message = json.member(object, "message"); json.is(message, NodeKind::object))
      take(json, message);  // Anthropic's message_start
    take_model(json, json.member(object, "model"));
    for (const std::string_view reason : {"stopReason", "stop_reason", "completionReason"})
      take_finish(json, json.member(object, reason));
    take_finish(json, json.member(json.member(object, "delta"), "stop_reason"));
    for (const std::string_view list : {"choices", "results", "outputs", "generations"})
      json.each(json.member(object, list), [&](size_t item) {
        for (const std::string_view reason : {"finish_reason", "completionReason", "stop_reason"})
          take_finish(json, json.member(item, reason));
        take_count(json, item, "tokenCount", usage_.tokens_out);
      });
    for (const size_t counts :
         {json.member(object, "usage"), object, json.member(object, "amazon-bedrock-invocationMetrics")})
      take_counts(json, counts);
  }

 private:
  void on_event(const Body& event) override { take(event, 0); }
  void on_document(const Body& document) override { take(document, 0); }

  void take_counts(const Body& json, size_t counts) {
    for (const std::string_view in : {"inputTokens", "input_tokens", "prompt_tokens", "prompt_token_count",
                                      "inputTokenCount", "inputTextTokenCount"})
      take_count(json, counts, in, usage_.tokens_in);
    for (const std::string_view out :
         {"outputTokens", "output_tokens", "completion_tokens", "generation_token_count", "outputTokenCount"})
      take_count(json, counts, out, usage_.tokens_out);
    for (const std::string_view cached :
         {"cacheReadInputTokens", "cache_read_input_tokens", "cacheReadInputTokenCount"})
      take_count(json, counts, cached, usage_.tokens_cached);
  }
};

class BedrockStream final : public AnswerReader {
 public:
  void body(std::string_view decoded) override {
    reader_.feed(decoded, [this](const AwsEvent& event) { take(event); });
  }
  Usage finish() override { return std::move(document_.usage()); }

 private:
  void take(const AwsEvent& event) {
    Usage& usage = document_.usage();
    if (event.message_type != "event") {
      if (usage.finish.size() < 32) usage.finish.emplace_back("error");
      return;
    }
    if (json_.load(event.payload)) return;
    if (event.type != "chunk") {
      document_.take(json_, 0);
      usage.terminal |= event.type == "metadata" || event.type == "messageStop";
      return;
    }
    const std::string inner = from_base64(json_.text(0, "bytes"));
    if (json_.load(inner)) return;
    document_.take(json_, 0);
    usage.terminal |= json_.member(0, "amazon-bedrock-invocationMetrics") != Body::kNone;
  }

  AwsEventReader reader_;
  BedrockDocument document_{""};
  Body json_;
};

std::string_view exception_of(int status) {
  if (status == 429) return "ThrottlingException";
  return status >= 500 ? "ServiceUnavailableException" : "ValidationException";
}

}  // namespace

std::unique_ptr<AnswerReader> bedrock_answer(const RequestLine& line, std::string_view content_type) {
  if (http::media_type_is(content_type, "application/vnd.amazon.eventstream"))
    return std::make_unique<BedrockStream>();
  if (const Vocabulary* other = vocabulary_of(line.path)) return other->answer(line, content_type);
  return std::make_unique<BedrockDocument>(content_type);
}

std::string bedrock_error_body(const Refusal& refusal) {
  return "{\"message\":" + quoted(refusal.message) + "}";
}

ErrorField bedrock_error_field(const Refusal& refusal) {
  return {"x-amzn-ErrorType", exception_of(refusal.status)};
}

std::string bedrock_stream_error(const Refusal& refusal, std::string_view) {
  std::string kind(exception_of(refusal.status));
  kind.front() = static_cast<char>(kind.front() | 0x20);
  return aws_event(
      {{":exception-type", kind}, {":content-type", "application/json"}, {":message-type", "exception"}},
      bedrock_error_body(refusal));
}

}  // namespace warden::provider
