// SPDX-License-Identifier: Apache-2.0
// Mistral (docs.mistral.ai/api): OpenAI's bodies, and its own: fill in the middle, agents, conversations,
// OCR, moderation of chats, batches.
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

Fault walk_conversation(Body& body, Prompt& prompt) {
  const size_t inputs = body.top("inputs");
  if (body.absent(inputs)) return Unreadable::unknown_shape;
  body.mark(inputs, Role::user);
  body.each(inputs, [&](size_t entry) {
    const std::string type = body.text(entry, "type");
    if (type == "function.result") body.mark(entry, Role::tool_result);
    if (type == "function.call" || type == "tool.execution") body.mark(entry, Role::tool_call);
    if (body.text(entry, "role") == "assistant") body.mark(entry, Role::assistant);
  });
  return walk_resource(body, prompt);
}

// {"input": messages or lists of messages}
Fault walk_classified(Body& body, Prompt&) {
  if (body.absent(body.top("input"))) return Unreadable::unknown_shape;
  body.mark(body.top("input"), Role::user);
  return std::nullopt;
}

Fault walk_ocr(Body& body, Prompt&) {
  if (body.absent(body.top("document"))) return Unreadable::unknown_shape;
  body.mark(body.top("document"), Role::file);
  return std::nullopt;
}

Fault walk_job(Body& body, Prompt& prompt) {
  body.mark(body.top("requests"), Role::file);
  return walk_resource(body, prompt);
}

constexpr std::array<Route, 9> kRoutes = {{
    {"/fim/completions", "fim.completions", walk_text_completion},
    {"/agents/completions", "agents.completions", walk_chat},
    {"/chat/moderations", "chat.moderations", walk_classified},
    {"/chat/classifications", "chat.classifications", walk_classified},
    {"/classifications", "classifications", walk_classified},
    {"/conversations", "conversations", walk_conversation},
    {"/ocr", "ocr", walk_ocr},
    {"/batch/jobs", "batch.jobs", walk_job},
    {"/agents", "agents", walk_resource},
}};
constexpr std::array<std::string_view, 7> kResources = {"models",        "files",       "batch",    "agents",
                                                        "conversations", "fine_tuning", "libraries"};

std::expected<Prompt, Unreadable> read_mistral(const RequestLine& line, std::string_view body) {
  if (line.method != "POST") return read_promptless(line, body, kResources);
  const auto route =
      std::ranges::find_if(kRoutes, [&](const Route& r) { return line.path.ends_with(r.tail); });
  if (route != kRoutes.end()) return read_route(*route, body);
  // A conversation that goes on: /v1/conversations/{id}
  static constexpr Route kOngoing = {"", "conversations", walk_conversation};
  if (line.path.find("/conversations/") != line.path.npos) return read_route(kOngoing, body);
  return read_openai(line, body);
}

class MistralConversation final : public JsonAnswerReader {
 public:
  using JsonAnswerReader::JsonAnswerReader;

 private:
  void on_event(const Body& event) override {
    const std::string type = event.text(0, "type");
    if (type.ends_with(".error")) add_finish("error");
    if (!type.ends_with(".done") || !type.starts_with("conversation.response")) return;
    usage_.terminal = true;
    on_document(event);
  }
  void on_document(const Body& document) override {
    const size_t counts = document.member(0, "usage");
    take_count(document, counts, "prompt_tokens", usage_.tokens_in);
    take_count(document, counts, "completion_tokens", usage_.tokens_out);
    document.each(document.member(0, "outputs"),
                  [&](size_t output) { take_model(document, document.member(output, "model")); });
  }
};

std::unique_ptr<AnswerReader> mistral_answer(const RequestLine& line, std::string_view content_type) {
  if (line.path.find("/conversations") == line.path.npos) return openai_answer(line, content_type);
  return std::make_unique<MistralConversation>(content_type);
}

std::string mistral_error_body(const Refusal& refusal) {
  return "{\"object\":\"error\",\"message\":" + quoted(refusal.message) +
         ",\"type\":" + quoted(openai_error_type(refusal.status)) +
         ",\"param\":null,\"code\":" + quoted(refusal.code) + "}";
}

std::string mistral_stream_error(const Refusal& refusal, std::string_view) {
  if (refusal.path.find("/conversations") == refusal.path.npos)
    return sse_event("", mistral_error_body(refusal));
  return sse_event("conversation.response.error",
                   "{\"type\":\"conversation.response.error\",\"message\":" + quoted(refusal.message) +
                       ",\"code\":" + std::to_string(refusal.status) + "}");
}

}  // namespace

const Vocabulary kMistral = {"mistral", read_mistral, mistral_answer, mistral_error_body,
                             mistral_stream_error};

}  // namespace warden::provider
