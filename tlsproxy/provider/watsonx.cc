// SPDX-License-Identifier: Apache-2.0
// IBM watsonx.ai (cloud.ibm.com/apidocs/watsonx-ai): /ml/v1/text/..., the model in "model_id" or a deployment
// in the path.
#include <algorithm>
#include <array>

#include "tlsproxy/provider/answer_reader.h"
#include "tlsproxy/provider/dialects.h"
#include "tlsproxy/provider/error_body.h"
#include "tlsproxy/provider/openai_request.h"
#include "tlsproxy/provider/promptless.h"

namespace warden::provider {
namespace {

using Fault = std::optional<Unreadable>;

Fault read_model(const Body& body, Prompt& prompt) {
  if (body.doubled(0, {"model_id", "input", "inputs", "messages", "parameters"}))
    return Unreadable::duplicate_member;
  prompt.model = body.text(0, "model_id");
  if (const auto most = body.integer(body.member(body.top("parameters"), "max_new_tokens")))
    prompt.max_tokens = most;
  return std::nullopt;
}

Fault walk_text_chat(Body& body, Prompt& prompt) {
  const Fault fault = read_model(body, prompt);
  return fault ? fault : walk_chat(body, prompt);
}

Fault walk_generation(Body& body, Prompt& prompt) {
  if (const Fault fault = read_model(body, prompt)) return fault;
  // A deployment of a prompt template takes its variables alone.
  const size_t variables = body.member(body.top("parameters"), "prompt_variables");
  if (body.absent(body.top("input")) && body.absent(variables)) return Unreadable::unknown_shape;
  body.mark(body.top("input"), Role::user);
  body.mark(variables, Role::user);
  return std::nullopt;
}

template <Fault (*Generate)(Body&, Prompt&)>
Fault streamed(Body& body, Prompt& prompt) {
  const Fault fault = Generate(body, prompt);
  prompt.stream = true;
  return fault;
}

Fault walk_vectors(Body& body, Prompt& prompt) {
  if (const Fault fault = read_model(body, prompt)) return fault;
  if (body.absent(body.top("inputs"))) return Unreadable::unknown_shape;
  body.mark(body.top("inputs"), Role::embedding);
  return std::nullopt;
}

Fault walk_other(Body& body, Prompt& prompt) {
  const Fault fault = read_model(body, prompt);
  return fault ? fault : walk_texts(body, prompt);
}

constexpr std::array<Route, 8> kRoutes = {{
    {"/text/chat", "chat", walk_text_chat},
    {"/text/chat_stream", "chat_stream", streamed<walk_text_chat>},
    {"/text/generation", "generation", walk_generation},
    {"/text/generation_stream", "generation_stream", streamed<walk_generation>},
    {"/text/embeddings", "embeddings", walk_vectors},
    {"/text/rerank", "rerank", walk_other},
    {"/text/tokenization", "tokenization", walk_other},
    {"/text/detection", "detection", walk_other},
}};
constexpr std::array<std::string_view, 4> kResources = {"foundation_model_specs", "foundation_model_tasks",
                                                        "deployments", "models"};

std::string deployment_of(std::string_view path) {
  constexpr std::string_view kMark = "/deployments/";
  const size_t start = path.find(kMark);
  if (start == path.npos) return {};
  path.remove_prefix(start + kMark.size());
  return std::string(path.substr(0, path.find('/')));
}

std::expected<Prompt, Unreadable> read_watsonx(const RequestLine& line, std::string_view body) {
  if (line.method != "POST") return read_promptless(line, body, kResources);
  const auto route =
      std::ranges::find_if(kRoutes, [&](const Route& r) { return line.path.ends_with(r.tail); });
  if (route == kRoutes.end()) return std::unexpected(Unreadable::unknown_path);
  auto prompt = read_route(*route, body);
  if (std::string deployment = deployment_of(line.path); prompt && !deployment.empty())
    prompt->model = std::move(deployment);
  return prompt;
}

class WatsonxAnswer final : public JsonAnswerReader {
 public:
  using JsonAnswerReader::JsonAnswerReader;

 private:
  void on_event(const Body& event) override {
    if (!event.absent(event.member(0, "errors"))) return add_finish("error");
    take(event);
  }
  void on_document(const Body& document) override { take(document); }

  void take(const Body& json) {
    take_model(json, json.member(0, "model_id"));
    const auto reason = [&](size_t item, std::string_view name) {
      const std::string word = json.text(item, name);
      if (word.empty() || word == "not_finished") return;
      add_finish(word);
      usage_.terminal = true;
    };
    json.each(json.member(0, "results"), [&](size_t result) {
      reason(result, "stop_reason");
      take_count(json, result, "input_token_count", usage_.tokens_in);
      take_count(json, result, "generated_token_count", usage_.tokens_out);
    });
    json.each(json.member(0, "choices"), [&](size_t choice) { reason(choice, "finish_reason"); });
    take_count(json, json.member(0, "usage"), "prompt_tokens", usage_.tokens_in);
    take_count(json, json.member(0, "usage"), "completion_tokens", usage_.tokens_out);
    take_count(json, 0, "input_token_count", usage_.tokens_in);  // embeddings
  }
};

std::unique_ptr<AnswerReader> watsonx_answer(const RequestLine&, std::string_view content_type) {
  return std::make_unique<WatsonxAnswer>(content_type);
}

std::string watsonx_error_body(const Refusal& refusal) {
  return "{\"errors\":[{\"code\":" + quoted(refusal.code) + ",\"message\":" + quoted(refusal.message) +
         "}],\"trace\":" + quoted(refusal.request_id) + ",\"status_code\":" + std::to_string(refusal.status) +
         "}";
}

std::string watsonx_stream_error(const Refusal& refusal, std::string_view) {
  return sse_event("error", watsonx_error_body(refusal));
}

}  // namespace

const Vocabulary kWatsonx = {"watsonx", read_watsonx, watsonx_answer, watsonx_error_body,
                             watsonx_stream_error};

}  // namespace warden::provider
