// SPDX-License-Identifier: Apache-2.0
// Cohere (docs.cohere.com/reference): v2 chat in messages, v1 chat as message, history and preamble; embed,
// rerank, generate, classify. A v2 stream ends with "message-end", a v1 stream (JSON lines) with
// "stream-end".
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

Fault walk_cohere_chat(Body& body, Prompt& prompt) {
  if (body.doubled(0, {"message", "chat_history", "preamble", "documents"}))
    return Unreadable::duplicate_member;
  if (body.absent(body.top("message"))) {
    if (const Fault fault = walk_chat(body, prompt)) return fault;
  } else {
    body.mark(body.top("chat_history"), Role::assistant);
    body.mark(body.top("message"), Role::user);
    body.mark(body.top("preamble"), Role::system);
    body.mark(body.top("tool_results"), Role::tool_result);
    body.mark(body.top("tools"), Role::tool_definition);
    body.each(body.top("tools"), [&](size_t tool) {
      if (std::string name = body.text(tool, "name"); !name.empty()) prompt.tools.push_back(std::move(name));
    });
  }
  body.mark(body.top("documents"), Role::file);
  return std::nullopt;
}

Fault walk_embed(Body& body, Prompt&) {
  bool any = false;
  for (const std::string_view name : {"texts", "inputs", "images"}) {
    any |= !body.absent(body.top(name));
    body.mark(body.top(name), name == "images" ? Role::file : Role::embedding);
  }
  return any ? std::nullopt : Fault(Unreadable::unknown_shape);
}

constexpr std::array<Route, 8> kRoutes = {{
    {"/chat", "chat", walk_cohere_chat},
    {"/generate", "generate", walk_text_completion},
    {"/embed", "embed", walk_embed},
    {"/rerank", "rerank", walk_texts},
    {"/classify", "classify", walk_texts},
    {"/summarize", "summarize", walk_texts},
    {"/tokenize", "tokenize", walk_texts},
    {"/embed-jobs", "embed-jobs", walk_resource},
}};
constexpr std::array<std::string_view, 5> kResources = {"models", "datasets", "embed-jobs", "connectors",
                                                        "finetuning"};

std::expected<Prompt, Unreadable> read_cohere(const RequestLine& line, std::string_view body) {
  if (line.method != "POST") return read_promptless(line, body, kResources);
  if (line.path.find("/compatibility/") != line.path.npos) return read_openai(line, body);
  const auto route =
      std::ranges::find_if(kRoutes, [&](const Route& r) { return line.path.ends_with(r.tail); });
  return route == kRoutes.end() ? std::unexpected(Unreadable::unknown_path) : read_route(*route, body);
}

class CohereAnswer final : public JsonAnswerReader {
 public:
  using JsonAnswerReader::JsonAnswerReader;

 private:
  void on_event(const Body& event) override {
    const std::string type = event.text(0, "type");
    if (type == "message-end") {
      take(event, event.member(0, "delta"));
      usage_.terminal = true;
    } else if (event.text(0, "event_type") == "stream-end") {
      take_finish(event, event.member(0, "finish_reason"));
      take(event, event.member(0, "response"));
      usage_.terminal = true;
    }
  }
  void on_document(const Body& document) override { take(document, 0); }

  void take(const Body& json, size_t object) {
    take_finish(json, json.member(object, "finish_reason"));
    // v2: usage; v1: meta. What is billed, unless the tokens themselves are told.
    for (const size_t counts : {json.member(object, "usage"), json.member(object, "meta")})
      for (const std::string_view kind : {"billed_units", "tokens"}) {
        take_count(json, json.member(counts, kind), "input_tokens", usage_.tokens_in);
        take_count(json, json.member(counts, kind), "output_tokens", usage_.tokens_out);
      }
    take_count(json, json.member(object, "usage"), "cached_tokens", usage_.tokens_cached);
  }
};

std::unique_ptr<AnswerReader> cohere_answer(const RequestLine& line, std::string_view content_type) {
  if (line.path.find("/compatibility/") != line.path.npos) return openai_answer(line, content_type);
  return std::make_unique<CohereAnswer>(content_type);
}

std::string cohere_error_body(const Refusal& refusal) {
  return "{\"id\":" + quoted(refusal.request_id) + ",\"message\":" + quoted(refusal.message) + "}";
}

std::string cohere_stream_error(const Refusal& refusal, std::string_view) {
  return sse_event("message-end",
                   "{\"type\":\"message-end\",\"id\":" + quoted(refusal.request_id) +
                       ",\"delta\":{\"finish_reason\":\"ERROR\",\"error\":" + quoted(refusal.message) + "}}");
}

}  // namespace

const Vocabulary kCohere = {"cohere", read_cohere, cohere_answer, cohere_error_body, cohere_stream_error};

}  // namespace warden::provider
