// SPDX-License-Identifier: Apache-2.0
// Replicate (replicate.com/docs/reference/http): {"version", "input": what the model takes}; answers at once,
// later, or as events from another address ("output", then "done").
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

Fault walk_prediction(Body& body, Prompt& prompt) {
  const size_t input = body.top("input");
  if (body.absent(input)) return Unreadable::unknown_shape;
  if (body.doubled(0, {"version", "input"}) || body.doubled(input, {"prompt", "system_prompt", "max_tokens"}))
    return Unreadable::duplicate_member;
  body.mark(input, Role::user);
  body.each(input, [&](size_t member) {
    if (body.named(member, "system_prompt") || body.named(member, "system")) body.mark(member, Role::system);
    if (body.named(member, "image") || body.named(member, "file") || body.named(member, "audio"))
      body.mark(member, Role::file);
  });
  for (const std::string_view most : {"max_tokens", "max_new_tokens", "max_length"})
    if (const auto value = body.integer(body.member(input, most))) prompt.max_tokens = value;
  if (prompt.model.empty()) prompt.model = body.text(0, "version");
  return std::nullopt;
}

constexpr std::array<Route, 3> kRoutes = {{
    {"/predictions", "predictions", walk_prediction},
    {"/trainings", "trainings", walk_prediction},
    {"/deployments", "deployments", walk_resource},
}};
constexpr std::array<std::string_view, 8> kResources = {"predictions", "models",   "trainings", "deployments",
                                                        "collections", "hardware", "account",   "files"};

// /v1/models/{owner}/{name}/predictions
std::string model_of(std::string_view path) {
  for (const std::string_view mark : {"/models/", "/deployments/"}) {
    const size_t start = path.find(mark);
    const size_t end = path.rfind('/');
    if (start == path.npos || end <= start + mark.size()) continue;
    path = path.substr(start + mark.size(), end - start - mark.size());
    return std::string(path.substr(0, path.find("/versions/")));
  }
  return {};
}

std::expected<Prompt, Unreadable> read_replicate(const RequestLine& line, std::string_view body) {
  if (line.method != "POST") return read_promptless(line, body, kResources);
  if (is_form(line)) return read_upload(line, body);
  if (line.path.ends_with("/cancel") && body.empty()) {
    Prompt bare;
    bare.operation = "predictions";
    return bare;
  }
  const auto route =
      std::ranges::find_if(kRoutes, [&](const Route& r) { return line.path.ends_with(r.tail); });
  if (route == kRoutes.end()) return std::unexpected(Unreadable::unknown_path);
  auto prompt = read_route(*route, body);
  if (std::string model = model_of(line.path); prompt && !model.empty()) prompt->model = std::move(model);
  return prompt;
}

class ReplicateAnswer final : public JsonAnswerReader {
 public:
  using JsonAnswerReader::JsonAnswerReader;

 private:
  void on_event(const Body& event) override {
    if (event_name() == "error") add_finish("error");
    if (event_name() != "done") return;
    usage_.terminal = true;
    take_finish(event, event.member(0, "reason"));
  }
  void on_document(const Body& document) override {
    take_model(document, document.member(0, "model"));
    take_finish(document, document.member(0, "status"));
    const size_t metrics = document.member(0, "metrics");
    take_count(document, metrics, "input_token_count", usage_.tokens_in);
    take_count(document, metrics, "output_token_count", usage_.tokens_out);
    take_count(document, metrics, "token_input_count", usage_.tokens_in);
    take_count(document, metrics, "token_output_count", usage_.tokens_out);
  }
};

std::unique_ptr<AnswerReader> replicate_answer(const RequestLine&, std::string_view content_type) {
  return std::make_unique<ReplicateAnswer>(content_type);
}

std::string replicate_error_body(const Refusal& refusal) {
  return "{\"title\":" + quoted(refusal.code) + ",\"detail\":" + quoted(refusal.message) +
         ",\"status\":" + std::to_string(refusal.status) + "}";
}

std::string replicate_stream_error(const Refusal& refusal, std::string_view) {
  return sse_event("error", "{\"detail\":" + quoted(refusal.message) + "}");
}

}  // namespace

const Vocabulary kReplicate = {"replicate", read_replicate, replicate_answer, replicate_error_body,
                               replicate_stream_error};

}  // namespace warden::provider
