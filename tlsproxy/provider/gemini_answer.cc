// SPDX-License-Identifier: Apache-2.0
// A stream is a JSON array, or server-sent events where alt=sse asked for them; neither has a last event of
// its own: the chunk with a finish reason is the last. Counts are running totals.
#include "tlsproxy/provider/gemini_answer.h"

#include "tlsproxy/http/media_type.h"
#include "tlsproxy/provider/answer_reader.h"
#include "tlsproxy/provider/dialects.h"
#include "tlsproxy/provider/error_body.h"

namespace warden::provider {
namespace {

class GeminiAnswer final : public JsonAnswerReader {
 public:
  using JsonAnswerReader::JsonAnswerReader;

 private:
  void on_event(const Body& event) override { take(event, 0); }
  void on_document(const Body& document) override {
    if (document.is(0, NodeKind::object)) return take(document, 0);
    document.each(0, [&](size_t chunk) { take(document, chunk); });
  }

  void take(const Body& json, size_t chunk) {
    if (!json.absent(json.member(chunk, "error"))) return add_finish("error");
    take_model(json, json.member(chunk, "modelVersion"));
    json.each(json.member(chunk, "candidates"), [&](size_t candidate) {
      const size_t reason = json.member(candidate, "finishReason");
      take_finish(json, reason);
      usage_.terminal |= !json.absent(reason);
    });
    if (const size_t feedback = json.member(chunk, "promptFeedback");
        !json.absent(json.member(feedback, "blockReason"))) {
      take_finish(json, json.member(feedback, "blockReason"));
      usage_.terminal = true;
    }
    const size_t counts = json.member(chunk, "usageMetadata");
    take_count(json, counts, "promptTokenCount", usage_.tokens_in);
    take_count(json, counts, "cachedContentTokenCount", usage_.tokens_cached);
    take_count(json, chunk, "totalTokens", usage_.tokens_in);  // countTokens
    // What was thought is paid for as what was said.
    std::optional<int64_t> said, thought;
    take_count(json, counts, "candidatesTokenCount", said);
    take_count(json, counts, "thoughtsTokenCount", thought);
    if (said || thought) usage_.tokens_out = said.value_or(0) + thought.value_or(0);
  }
};

std::string_view status_word(int status) {
  switch (status) {
    case 400:
      return "INVALID_ARGUMENT";
    case 429:
      return "RESOURCE_EXHAUSTED";
    default:
      return "UNAVAILABLE";
  }
}

}  // namespace

std::unique_ptr<AnswerReader> gemini_answer(const RequestLine& line, std::string_view content_type) {
  // Vertex carries other makers' models, which answer in their own shape.
  const bool raw = line.path.ends_with("awPredict");
  if (raw) return kAnthropic.answer(line, content_type);
  if (line.path.find(':') == line.path.npos && line.path.ends_with("/completions"))
    return kOpenai.answer(line, content_type);
  return std::make_unique<GeminiAnswer>(content_type);
}

std::string gemini_error_body(const Refusal& refusal) {
  if (refusal.path.ends_with("/chat/completions")) return openai_error_body(refusal);
  if (refusal.path.ends_with("awPredict")) return anthropic_error_body(refusal);
  return "{\"error\":{\"code\":" + std::to_string(refusal.status) +
         ",\"message\":" + quoted(refusal.message) + ",\"status\":" + quoted(status_word(refusal.status)) +
         ",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\",\"reason\":" +
         quoted(refusal.code) + ",\"domain\":\"egresswarden\"}]}}";
}

std::string gemini_stream_error(const Refusal& refusal, std::string_view content_type) {
  const std::string body = gemini_error_body(refusal);
  if (refusal.path.ends_with("awPredict")) return sse_event("error", body);
  // An array goes on after its last element.
  return http::media_type_is(content_type, "text/event-stream") ? sse_event("", body) : ",\n" + body + "]";
}

}  // namespace warden::provider
