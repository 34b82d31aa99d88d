// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/provider/anthropic_request.h"

#include <array>

#include "tlsproxy/provider/body.h"
#include "tlsproxy/provider/promptless.h"

namespace warden::provider {
namespace {

using Fault = std::optional<Unreadable>;

Role role_of(std::string_view word) {
  if (word == "user") return Role::user;
  if (word == "assistant") return Role::assistant;
  if (word == "system") return Role::system;
  return Role::other;
}

bool is_file_type(std::string_view type) {
  return type == "image" || type == "document" || type == "file" || type == "container_upload";
}

// Content blocks, one level of nesting (a tool's result holds text and images of its own).
Fault read_blocks(Body& body, size_t content, int nesting) {
  body.mark_text_runs(content);
  Fault fault;
  body.each(content, [&](size_t block) {
    if (fault || !body.is(block, NodeKind::object)) return;
    if (body.doubled(block, {"type", "text", "content", "input"})) fault = Unreadable::duplicate_member;
    const std::string type = body.text(block, "type");
    if (type == "thinking" || type == "redacted_thinking") body.mark_opaque(block);
    if (is_file_type(type)) body.mark(block, Role::file);
    if (type.ends_with("tool_use")) body.mark(block, Role::tool_call);
    if (!type.ends_with("tool_result")) return;
    body.mark(block, Role::tool_result);
    if (nesting == 0 && !fault) fault = read_blocks(body, body.member(block, "content"), nesting + 1);
  });
  return fault;
}

Fault read_message(Body& body, size_t message) {
  if (!body.is(message, NodeKind::object)) return Unreadable::unknown_shape;
  if (body.doubled(message, {"role", "content"})) return Unreadable::duplicate_member;
  const size_t role = body.member(message, "role");
  if (!body.is(role, NodeKind::string)) return Unreadable::unknown_shape;
  body.mark(message, role_of(body.text(role)));
  return read_blocks(body, body.member(message, "content"), 0);
}

void read_tools(Body& body, Prompt& prompt) {
  const size_t tools = body.member(0, "tools");
  body.mark(tools, Role::tool_definition);
  body.each(tools, [&](size_t tool) {
    std::string tool_name = body.text(tool, "name");
    if (tool_name.empty()) tool_name = body.text(tool, "type");
    if (!tool_name.empty()) prompt.tools.push_back(std::move(tool_name));
  });
}

// Sealed by the provider and checked by it when it comes back: search results (thinking blocks are marked
// whole above).
void mark_sealed(Body& body) {
  for (size_t at = 0; at < body.tape().size(); ++at)
    if (body.named(at, "encrypted_content") || body.named(at, "encrypted_index")) body.mark_opaque(at);
}

Fault read_messages(Body& body, Prompt& prompt) {
  const size_t messages = body.member(0, "messages");
  if (!body.is(messages, NodeKind::array)) return Unreadable::unknown_shape;
  Fault fault;
  body.each(messages, [&](size_t message) {
    if (!fault) fault = read_message(body, message);
  });
  if (fault) return fault;
  const size_t system = body.member(0, "system");
  body.mark(system, Role::system);
  body.mark_text_runs(system);
  read_tools(body, prompt);
  mark_sealed(body);
  return std::nullopt;
}

struct Route {
  std::string_view tail;
  std::string_view operation;
};
constexpr std::array<Route, 2> kRoutes = {{
    {"/messages", "messages"},
    {"/messages/count_tokens", "messages.count_tokens"},
}};

constexpr std::array<std::string_view, 6> kResources = {"models", "batches",       "files",
                                                        "skills", "organizations", "messages"};

}  // namespace

std::expected<Prompt, Unreadable> read_anthropic(const RequestLine& line, std::string_view body) {
  if (line.method != "POST") return read_promptless(line, body, kResources);
  const Route* route = nullptr;
  for (const Route& candidate : kRoutes)
    if (line.path.ends_with(candidate.tail)) route = &candidate;
  if (route == nullptr) return std::unexpected(Unreadable::unknown_path);
  if (line.content_type.starts_with("multipart/")) return std::unexpected(Unreadable::unknown_shape);
  Body walked;
  if (const Fault fault = walked.load(body)) return std::unexpected(*fault);
  Prompt prompt;
  prompt.operation = route->operation;
  if (const Fault fault = read_common(walked, {"max_tokens"}, prompt)) return std::unexpected(*fault);
  if (const Fault fault = read_messages(walked, prompt)) return std::unexpected(*fault);
  claim(walked, walked.member(walked.member(0, "metadata"), "user_id"), "metadata.user_id", prompt);
  walked.emit(prompt.parts);
  return prompt;
}

}  // namespace warden::provider
