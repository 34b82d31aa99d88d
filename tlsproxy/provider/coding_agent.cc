// SPDX-License-Identifier: Apache-2.0
// Backends of chat sites and coding agents (chatgpt.com/backend-api, claude.ai, api.githubcopilot.com,
// Cursor): no public reference. What has the shape of a known API is read as that; conversations of the two
// chat sites are read as they were seen; the rest is `unknown_shape` and follows policy.
#include <array>

#include "tlsproxy/provider/answer_reader.h"
#include "tlsproxy/provider/dialects.h"
#include "tlsproxy/provider/openai_request.h"

namespace warden::provider {
namespace {

using Fault = std::optional<Unreadable>;

// {"messages":[{"author":{"role":"user"},"content":{"content_type":"text","parts":["..."]}}],"model":"..."}
Fault walk_conversation(Body& body, Prompt&) {
  const size_t messages = body.top("messages");
  if (!body.is(messages, NodeKind::array)) return Unreadable::unknown_shape;
  body.each(messages, [&](size_t message) {
    const std::string who = body.text(body.member(message, "author"), "role");
    body.mark(message, who == "assistant" ? Role::assistant : who == "system" ? Role::system : Role::user);
  });
  return std::nullopt;
}

// {"prompt":"...","attachments":[{"extracted_content":"..."}],"files":[...]}
Fault walk_completion(Body& body, Prompt&) {
  if (!body.is(body.top("prompt"), NodeKind::string)) return Unreadable::unknown_shape;
  body.mark(body.top("prompt"), Role::user);
  for (const std::string_view file : {"attachments", "files", "sync_sources"})
    body.mark(body.top(file), Role::file);
  body.mark(body.top("tools"), Role::tool_definition);
  return std::nullopt;
}

bool is_reading(const RequestLine& line) {
  return line.method == "GET" || line.method == "HEAD" || line.method == "OPTIONS";
}

std::expected<Prompt, Unreadable> read_coding_agent(const RequestLine& line, std::string_view body) {
  if (is_reading(line)) {  // pages, settings, model lists: the path and the query are inspected as always
    if (!body.empty()) return std::unexpected(Unreadable::unknown_shape);
    Prompt prompt;
    prompt.operation = "resource";
    return prompt;
  }
  if (line.method != "POST") return std::unexpected(Unreadable::unknown_shape);
  static constexpr Route kConversation = {"", "conversation", walk_conversation};
  static constexpr Route kCompletion = {"", "completion", walk_completion};
  if (line.path.ends_with("/backend-api/conversation") || line.path.ends_with("/backend-api/f/conversation"))
    return read_route(kConversation, body);
  if (line.path.find("/chat_conversations/") != line.path.npos &&
      (line.path.ends_with("/completion") || line.path.ends_with("/retry_completion")))
    return read_route(kCompletion, body);
  if (vocabulary_of(line.path) != nullptr) return kGateway.read(line, body);
  return std::unexpected(Unreadable::unknown_shape);
}

std::unique_ptr<AnswerReader> coding_agent_answer(const RequestLine& line, std::string_view content_type) {
  if (vocabulary_of(line.path) != nullptr) return kGateway.answer(line, content_type);
  // claude.ai streams the events of the public API.
  if (line.path.find("/chat_conversations/") != line.path.npos) return anthropic_answer(line, content_type);
  return silent_answer();
}

std::string coding_agent_error_body(const Refusal& refusal) {
  if (refusal.path.find("/chat_conversations/") != refusal.path.npos) return kAnthropic.error_body(refusal);
  return kGateway.error_body(refusal);
}

std::string coding_agent_stream_error(const Refusal& refusal, std::string_view content_type) {
  if (refusal.path.find("/chat_conversations/") != refusal.path.npos)
    return kAnthropic.stream_error(refusal, content_type);
  return kGateway.stream_error(refusal, content_type);
}

}  // namespace

const Vocabulary kCodingAgent = {"coding-agent", read_coding_agent, coding_agent_answer,
                                 coding_agent_error_body, coding_agent_stream_error};

}  // namespace warden::provider
