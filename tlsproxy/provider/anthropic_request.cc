// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/provider/anthropic_request.h"

#include <algorithm>
#include <array>

#include "tlsproxy/provider/answer_reader.h"
#include "tlsproxy/provider/dialects.h"
#include "tlsproxy/provider/error_body.h"
#include "tlsproxy/provider/promptless.h"
#include "tlsproxy/provider/upload.h"

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
  const size_t tools = body.top("tools");
  body.mark(tools, Role::tool_definition);
  body.each(tools, [&](size_t tool) {
    std::string tool_name = body.text(tool, "name");
    if (tool_name.empty()) tool_name = body.text(tool, "type");
    if (!tool_name.empty()) prompt.tools.push_back(std::move(tool_name));
  });
}

}  // namespace

Fault walk_messages(Body& body, Prompt& prompt) {
  const size_t messages = body.top("messages");
  if (!body.is(messages, NodeKind::array)) return Unreadable::unknown_shape;
  Fault fault;
  body.each(messages, [&](size_t message) {
    if (!fault) fault = read_message(body, message);
  });
  if (fault) return fault;
  const size_t system = body.top("system");
  body.mark(system, Role::system);
  body.mark_text_runs(system);
  read_tools(body, prompt);
  // Checked by the provider when it comes back: search results (thinking blocks are marked whole above).
  body.mark_sealed({"encrypted_content", "encrypted_index"});
  return std::nullopt;
}

namespace {

constexpr std::array<std::string_view, 6> kResources = {"models", "batches",       "files",
                                                        "skills", "organizations", "messages"};

Fault walk_request(Body& body, Prompt& prompt) {
  if (const Fault fault = read_common(body, {"max_tokens", "max_tokens_to_sample"}, prompt)) return fault;
  if (const Fault fault = walk_messages(body, prompt)) return fault;
  claim(body, body.member(body.top("metadata"), "user_id"), "metadata.user_id", prompt);
  return std::nullopt;
}

Fault walk_complete(Body& body, Prompt& prompt) {
  if (!body.is(body.top("prompt"), NodeKind::string)) return Unreadable::unknown_shape;
  body.mark(body.top("prompt"), Role::user);
  return read_common(body, {"max_tokens_to_sample"}, prompt);
}

// A batch: {"requests":[{"custom_id", "params": a request}]}.
Fault walk_batch(Body& body, Prompt& prompt) {
  const size_t requests = body.top("requests");
  if (!body.is(requests, NodeKind::array) || body.doubled(0, {"requests"})) return Unreadable::unknown_shape;
  Fault fault;
  body.each(requests, [&](size_t entry) {
    if (fault) return;
    const size_t params = body.member(entry, "params");
    if (!body.is(params, NodeKind::object)) fault = Unreadable::unknown_shape;
    if (!fault && body.doubled(entry, {"params"})) fault = Unreadable::duplicate_member;
    body.enter(params);
    const std::string model = prompt.model;
    if (!fault) fault = walk_request(body, prompt);
    if (!fault) fault = same_model(model, prompt);
  });
  prompt.stream = false;
  return fault;
}

struct AnthropicRoute {
  std::string_view tail;
  std::string_view operation;
  Fault (*walk)(Body&, Prompt&);
};
constexpr std::array<AnthropicRoute, 4> kRoutes = {{
    {"/messages", "messages", walk_request},
    {"/messages/count_tokens", "messages.count_tokens", walk_request},
    {"/messages/batches", "messages.batches", walk_batch},
    {"/complete", "complete", walk_complete},
}};

}  // namespace

std::expected<Prompt, Unreadable> read_anthropic(const RequestLine& line, std::string_view body) {
  if (line.method != "POST") return read_promptless(line, body, kResources);
  if (is_form(line)) return read_upload(line, body);
  Prompt prompt;
  if (body.empty() && line.path.ends_with("/cancel") && !resource_of(line.path, kResources).empty()) {
    prompt.operation = "messages.batches";
    return prompt;
  }
  const auto route =
      std::ranges::find_if(kRoutes, [&](const AnthropicRoute& r) { return line.path.ends_with(r.tail); });
  if (route == kRoutes.end()) return std::unexpected(Unreadable::unknown_path);
  Body walked;
  if (const Fault fault = walked.load(body)) return std::unexpected(*fault);
  prompt.operation = route->operation;
  if (const Fault fault = route->walk(walked, prompt)) return std::unexpected(*fault);
  if (!walked.emit(prompt.parts)) return std::unexpected(Unreadable::too_many_values);
  return prompt;
}

const Vocabulary kAnthropic = {"anthropic", read_anthropic, anthropic_answer, anthropic_error_body,
                               anthropic_stream_error};

}  // namespace warden::provider
