// SPDX-License-Identifier: Apache-2.0
// Hugging Face: Text Generation Inference and Text Embeddings Inference
// (huggingface.github.io/text-generation-inference), the router and the task APIs ({"inputs": ...}), OpenAI's
// bodies under /v1/.
#include <algorithm>
#include <array>

#include "tlsproxy/provider/answer_reader.h"
#include "tlsproxy/provider/dialects.h"
#include "tlsproxy/provider/error_body.h"
#include "tlsproxy/provider/openai_request.h"
#include "tlsproxy/provider/promptless.h"
#include "tlsproxy/provider/upload.h"

namespace warden::provider {
namespace {

using Fault = std::optional<Unreadable>;

Fault walk_inputs(Body& body, Prompt& prompt) {
  const size_t inputs = body.top("inputs");
  if (body.absent(inputs)) return walk_texts(body, prompt);
  if (body.doubled(0, {"inputs", "parameters"})) return Unreadable::duplicate_member;
  body.mark(inputs, Role::user);
  if (const auto most = body.integer(body.member(body.top("parameters"), "max_new_tokens")))
    prompt.max_tokens = most;
  return std::nullopt;
}

Fault walk_stream(Body& body, Prompt& prompt) {
  prompt.stream = true;
  return walk_inputs(body, prompt);
}

Fault walk_vectors(Body& body, Prompt&) {
  if (body.absent(body.top("inputs"))) return Unreadable::unknown_shape;
  body.mark(body.top("inputs"), Role::embedding);
  return std::nullopt;
}

constexpr std::array<Route, 9> kRoutes = {{
    {"/generate", "generate", walk_inputs},
    {"/generate_stream", "generate_stream", walk_stream},
    {"/invocations", "invocations", walk_inputs},
    {"/embed", "embed", walk_vectors},
    {"/embed_all", "embed", walk_vectors},
    {"/embed_sparse", "embed", walk_vectors},
    {"/predict", "predict", walk_inputs},
    {"/similarity", "similarity", walk_inputs},
    {"/decode", "decode", walk_resource},
}};
constexpr Route kFeatures = {"", "feature-extraction", walk_vectors};
constexpr Route kTask = {"", "inference", walk_inputs};
constexpr std::array<std::string_view, 4> kResources = {"models", "info", "health", "metrics"};

bool is_task(std::string_view path) {
  return path == "/" || path.find("/models/") != path.npos || path.find("/pipeline/") != path.npos;
}

std::string model_of(std::string_view path) {
  constexpr std::string_view kMark = "/models/";
  const size_t start = path.find(kMark);
  if (start == path.npos) return {};
  path.remove_prefix(start + kMark.size());
  for (const std::string_view tail : {"/pipeline/feature-extraction", "/pipeline/sentence-similarity"})
    if (path.ends_with(tail)) path.remove_suffix(tail.size());
  return std::string(path);
}

std::expected<Prompt, Unreadable> read_huggingface(const RequestLine& line, std::string_view body) {
  if (line.method != "POST") return read_promptless(line, body, kResources);
  const auto route =
      std::ranges::find_if(kRoutes, [&](const Route& r) { return line.path.ends_with(r.tail); });
  if (route != kRoutes.end()) return read_route(*route, body);
  if (vocabulary_of(line.path) != nullptr || !is_task(line.path)) return kGateway.read(line, body);
  auto prompt =
      is_bare_file(line)
          ? read_upload(line, body)
          : read_route(line.path.find("feature-extraction") == line.path.npos ? kTask : kFeatures, body);
  if (prompt && prompt->model.empty()) prompt->model = model_of(line.path);
  return prompt;
}

class HuggingfaceAnswer final : public JsonAnswerReader {
 public:
  using JsonAnswerReader::JsonAnswerReader;

 private:
  void on_event(const Body& event) override {
    if (!event.absent(event.member(0, "error"))) return add_finish("error");
    take(event, 0);
    usage_.terminal |= !event.absent(event.member(0, "generated_text"));  // in the last event alone
  }
  void on_document(const Body& document) override {
    if (document.is(0, NodeKind::object)) return take(document, 0);
    document.each(0, [&](size_t item) { take(document, item); });
  }
  void take(const Body& json, size_t object) {
    const size_t details = json.member(object, "details");
    take_finish(json, json.member(details, "finish_reason"));
    take_count(json, details, "generated_tokens", usage_.tokens_out);
    take_count(json, details, "input_length", usage_.tokens_in);
    const size_t prefill = json.member(details, "prefill");
    if (json.is(prefill, NodeKind::array) && !usage_.tokens_in) {
      int64_t tokens = 0;
      json.each(prefill, [&](size_t) { ++tokens; });
      if (tokens > 0) usage_.tokens_in = tokens;
    }
  }
};

std::unique_ptr<AnswerReader> huggingface_answer(const RequestLine& line, std::string_view content_type) {
  if (vocabulary_of(line.path) != nullptr) return kGateway.answer(line, content_type);
  return std::make_unique<HuggingfaceAnswer>(content_type);
}

std::string huggingface_error_body(const Refusal& refusal) {
  if (vocabulary_of(refusal.path) != nullptr) return kGateway.error_body(refusal);
  return "{\"error\":" + quoted(refusal.message) +
         ",\"error_type\":" + quoted(refusal.status >= 500 ? "overloaded" : "validation") + "}";
}

std::string huggingface_stream_error(const Refusal& refusal, std::string_view content_type) {
  if (vocabulary_of(refusal.path) != nullptr) return kGateway.stream_error(refusal, content_type);
  return sse_event("", huggingface_error_body(refusal));
}

}  // namespace

const Vocabulary kHuggingface = {"huggingface", read_huggingface, huggingface_answer, huggingface_error_body,
                                 huggingface_stream_error};

}  // namespace warden::provider
