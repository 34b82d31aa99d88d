// SPDX-License-Identifier: Apache-2.0
// Ollama (github.com/ollama/ollama/blob/main/docs/api.md): JSON lines, streamed unless "stream" is false; the
// last line has "done": true and the counts. Its OpenAI- and Anthropic-shaped surfaces lie under /v1/.
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

void read_options(const Body& body, Prompt& prompt) {
  const size_t options = body.top("options");
  if (const auto most = body.integer(body.member(options, "num_predict")); most && *most > 0)
    prompt.max_tokens = most;
  prompt.stream = body.absent(body.top("stream")) || prompt.stream;
}

Fault walk_ollama_chat(Body& body, Prompt& prompt) {
  if (const Fault fault = walk_chat(body, prompt)) return fault;
  body.each(body.top("messages"),
            [&](size_t message) { body.mark(body.member(message, "images"), Role::file); });
  read_options(body, prompt);
  return std::nullopt;
}

Fault walk_generate(Body& body, Prompt& prompt) {
  for (const std::string_view text : {"prompt", "suffix"}) body.mark(body.top(text), Role::user);
  for (const std::string_view text : {"system", "template"}) body.mark(body.top(text), Role::system);
  body.mark(body.top("images"), Role::file);
  read_options(body, prompt);
  return std::nullopt;
}

Fault walk_embed(Body& body, Prompt&) {
  const size_t text = body.absent(body.top("input")) ? body.top("prompt") : body.top("input");
  if (body.absent(text)) return Unreadable::unknown_shape;
  body.mark(text, Role::embedding);
  return std::nullopt;
}

Fault walk_create(Body& body, Prompt& prompt) {
  for (const std::string_view text : {"system", "template", "modelfile"})
    body.mark(body.top(text), Role::system);
  body.mark(body.top("messages"), Role::user);
  return walk_resource(body, prompt);
}

constexpr std::array<Route, 9> kRoutes = {{
    {"/api/chat", "chat", walk_ollama_chat},
    {"/api/generate", "generate", walk_generate},
    {"/api/embed", "embed", walk_embed},
    {"/api/embeddings", "embeddings", walk_embed},
    {"/api/create", "create", walk_create},
    {"/api/show", "show", walk_resource},
    {"/api/pull", "pull", walk_resource},
    {"/api/push", "push", walk_resource},
    {"/api/copy", "copy", walk_resource},
}};
constexpr std::array<std::string_view, 5> kResources = {"tags", "ps", "version", "models", "blobs"};

std::expected<Prompt, Unreadable> read_ollama(const RequestLine& line, std::string_view body) {
  if (line.method == "POST") {
    const auto route =
        std::ranges::find_if(kRoutes, [&](const Route& r) { return line.path.ends_with(r.tail); });
    if (route != kRoutes.end()) return read_route(*route, body);
    if (line.path.find("/v1/") == line.path.npos) return std::unexpected(Unreadable::unknown_path);
    return kGateway.read(line, body);
  }
  if (line.method == "DELETE" && line.path.ends_with("/api/delete")) {
    static constexpr Route kDelete = {"", "delete", walk_resource};
    return read_route(kDelete, body);
  }
  if (line.path == "/") {  // "Ollama is running"
    if (!body.empty() || (line.method != "GET" && line.method != "HEAD"))
      return std::unexpected(Unreadable::unknown_path);
    Prompt alive;
    alive.operation = "version";
    return alive;
  }
  return read_promptless(line, body, kResources);
}

class OllamaAnswer final : public JsonAnswerReader {
 public:
  using JsonAnswerReader::JsonAnswerReader;

 private:
  void on_event(const Body& event) override { take(event); }
  void on_document(const Body& document) override { take(document); }

  void take(const Body& json) {
    if (!json.absent(json.member(0, "error"))) return add_finish("error");
    take_model(json, json.member(0, "model"));
    take_finish(json, json.member(0, "done_reason"));
    take_count(json, 0, "prompt_eval_count", usage_.tokens_in);
    take_count(json, 0, "eval_count", usage_.tokens_out);
    usage_.terminal |= json.is_true(json.member(0, "done"));
  }
};

std::unique_ptr<AnswerReader> ollama_answer(const RequestLine& line, std::string_view content_type) {
  if (line.path.find("/v1/") != line.path.npos) return kGateway.answer(line, content_type);
  return std::make_unique<OllamaAnswer>(content_type);
}

std::string ollama_error_body(const Refusal& refusal) {
  if (refusal.path.find("/v1/") != refusal.path.npos) return kGateway.error_body(refusal);
  return "{\"error\":" + quoted(refusal.message) + "}";
}

std::string ollama_stream_error(const Refusal& refusal, std::string_view content_type) {
  if (refusal.path.find("/v1/") != refusal.path.npos) return kGateway.stream_error(refusal, content_type);
  return ollama_error_body(refusal) + "\n";
}

}  // namespace

const Vocabulary kOllama = {"ollama", read_ollama, ollama_answer, ollama_error_body, ollama_stream_error};

}  // namespace warden::provider
