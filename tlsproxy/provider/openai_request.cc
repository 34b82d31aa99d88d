// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/provider/openai_request.h"

#include <algorithm>
#include <array>

#include "tlsproxy/provider/body.h"
#include "tlsproxy/provider/promptless.h"

namespace warden::provider {
namespace {

using Fault = std::optional<Unreadable>;

Role role_of(std::string_view word) {
  if (word == "system" || word == "developer") return Role::system;
  if (word == "user") return Role::user;
  if (word == "assistant") return Role::assistant;
  if (word == "tool" || word == "function") return Role::tool_result;
  return Role::other;
}

bool is_file_type(std::string_view type) {
  constexpr std::array<std::string_view, 8> kTypes = {"file",        "input_file",  "image_url",
                                                      "input_image", "input_audio", "input_video",
                                                      "video_url",   "audio_url"};
  return std::ranges::find(kTypes, type) != kTypes.end();
}

void mark_content(Body& body, size_t content) {
  body.mark_text_runs(content);
  body.each(content, [&](size_t part) {
    if (is_file_type(body.text(part, "type"))) body.mark(part, Role::file);
  });
}

// A built-in tool has no name but its type ("web_search").
void read_tools(Body& body, size_t tools, Prompt& prompt) {
  body.mark(tools, Role::tool_definition);
  body.each(tools, [&](size_t tool) {
    const size_t function = body.member(tool, "function");
    std::string tool_name = body.text(function != Body::kNone ? function : tool, "name");
    if (tool_name.empty()) tool_name = body.text(tool, "type");
    if (!tool_name.empty()) prompt.tools.push_back(std::move(tool_name));
  });
}

void read_claims(Body& body, Prompt& prompt) {
  claim(body, body.member(0, "user"), "user", prompt);
  claim(body, body.member(0, "safety_identifier"), "safety_identifier", prompt);
  claim(body, body.member(body.member(0, "metadata"), "user_id"), "metadata.user_id", prompt);
}

Fault read_message(Body& body, size_t message) {
  if (!body.is(message, NodeKind::object)) return Unreadable::unknown_shape;
  if (body.doubled(message, {"role", "content", "type", "tool_calls", "function_call"}))
    return Unreadable::duplicate_member;
  const size_t role = body.member(message, "role");
  if (!body.is(role, NodeKind::string)) return Unreadable::unknown_shape;
  body.mark(message, role_of(body.text(role)));
  mark_content(body, body.member(message, "content"));
  body.mark(body.member(message, "tool_calls"), Role::tool_call);
  body.mark(body.member(message, "function_call"), Role::tool_call);
  return std::nullopt;
}

Fault read_chat(Body& body, Prompt& prompt) {
  const size_t messages = body.member(0, "messages");
  if (!body.is(messages, NodeKind::array)) return Unreadable::unknown_shape;
  Fault fault;
  body.each(messages, [&](size_t message) {
    if (!fault) fault = read_message(body, message);
  });
  if (fault) return fault;
  read_tools(body, body.member(0, "tools"), prompt);
  read_tools(body, body.member(0, "functions"), prompt);
  body.mark(body.member(0, "prediction"), Role::assistant);
  return std::nullopt;
}

Fault read_text_completion(Body& body, Prompt&) {
  const size_t text = body.member(0, "prompt");
  if (!body.is(text, NodeKind::string) && !body.is(text, NodeKind::array)) return Unreadable::unknown_shape;
  body.mark(text, Role::user);
  body.mark(body.member(0, "suffix"), Role::user);
  return std::nullopt;
}

// An item of `input` or of a stored conversation: a message, or a typed step of an agent's loop.
Fault read_item(Body& body, size_t item) {
  if (!body.is(item, NodeKind::object)) return Unreadable::unknown_shape;
  if (body.doubled(item, {"role", "content", "type", "arguments", "output"}))
    return Unreadable::duplicate_member;
  const std::string type = body.text(item, "type");
  if (type.empty() || type == "message") return read_message(body, item);
  if (type.ends_with("_output") || type.ends_with("_response") || type == "mcp_list_tools")
    body.mark(item, Role::tool_result);
  else if (type.ends_with("_call"))
    body.mark(item, Role::tool_call);
  else if (type == "reasoning" || type == "compaction")
    body.mark(item, Role::assistant);
  else if (is_file_type(type))
    body.mark(item, Role::file);
  // Some servers accept content parts in place of items.
  if (type == "input_text") body.mark(item, Role::user);
  mark_content(body, body.member(item, "content"));
  mark_content(body, body.member(item, "output"));
  return std::nullopt;
}

// Sealed by the provider and checked by it when it comes back.
void mark_encrypted(Body& body) {
  for (size_t at = 0; at < body.tape().size(); ++at)
    if (body.named(at, "encrypted_content")) body.mark_opaque(at);
}

Fault read_responses(Body& body, Prompt& prompt) {
  const size_t input = body.member(0, "input");
  const size_t stored = body.member(0, "prompt");
  if (body.is(input, NodeKind::string)) {
    body.mark(input, Role::user);
  } else if (body.is(input, NodeKind::array)) {
    body.mark(input, Role::other);
    Fault fault;
    body.each(input, [&](size_t item) {
      if (!fault) fault = read_item(body, item);
    });
    if (fault) return fault;
  } else if (!body.absent(input) ||
             (body.absent(stored) && body.absent(body.member(0, "previous_response_id")) &&
              body.absent(body.member(0, "conversation")))) {
    return Unreadable::unknown_shape;
  }
  body.mark(body.member(0, "instructions"), Role::system);
  body.mark(stored, Role::user);
  read_tools(body, body.member(0, "tools"), prompt);
  mark_encrypted(body);
  return std::nullopt;
}

Fault read_input(Body& body, Role role) {
  const size_t input = body.member(0, "input");
  if (!body.is(input, NodeKind::string) && !body.is(input, NodeKind::array) &&
      !body.is(input, NodeKind::object))
    return Unreadable::unknown_shape;
  body.mark(input, role);
  return std::nullopt;
}

Fault read_embeddings(Body& body, Prompt&) {
  return read_input(body, Role::embedding);
}
Fault read_moderations(Body& body, Prompt&) {
  const Fault fault = read_input(body, Role::user);
  if (!fault) mark_content(body, body.member(0, "input"));
  return fault;
}

struct Route {
  std::string_view tail;  // every provider of this shape has its own prefix ("/v1", "/openai/v1", "/api/v1")
  std::string_view operation;
  Fault (*read)(Body&, Prompt&);
};
constexpr std::array<Route, 6> kRoutes = {{
    {"/chat/completions", "chat.completions", read_chat},
    {"/completions", "completions", read_text_completion},
    {"/responses", "responses", read_responses},
    {"/responses/input_tokens", "responses.input_tokens", read_responses},
    {"/embeddings", "embeddings", read_embeddings},
    {"/moderations", "moderations", read_moderations},
}};

constexpr std::array<std::string_view, 17> kResources = {
    "models",      "responses", "files",         "batches",       "fine_tuning", "assistants",
    "threads",     "evals",     "conversations", "vector_stores", "containers",  "organization",
    "completions", "videos",    "uploads",       "deployments",   "engines"};

// Azure names the model in the path: /openai/deployments/{deployment}/chat/completions.
std::string deployment_of(std::string_view path) {
  constexpr std::string_view kMark = "/deployments/";
  const size_t start = path.find(kMark);
  if (start == path.npos) return {};
  path.remove_prefix(start + kMark.size());
  return std::string(path.substr(0, path.find('/')));
}

}  // namespace

std::expected<Prompt, Unreadable> read_openai(const RequestLine& line, std::string_view body) {
  if (line.method != "POST") return read_promptless(line, body, kResources);
  const auto route =
      std::ranges::find_if(kRoutes, [&](const Route& r) { return line.path.ends_with(r.tail); });
  if (route == kRoutes.end()) return std::unexpected(Unreadable::unknown_path);
  if (line.content_type.starts_with("multipart/")) return std::unexpected(Unreadable::unknown_shape);
  Body walked;
  if (const Fault fault = walked.load(body)) return std::unexpected(*fault);
  Prompt prompt;
  prompt.operation = route->operation;
  if (const Fault fault =
          read_common(walked, {"max_tokens", "max_completion_tokens", "max_output_tokens"}, prompt))
    return std::unexpected(*fault);
  if (const Fault fault = route->read(walked, prompt)) return std::unexpected(*fault);
  if (prompt.model.empty()) prompt.model = deployment_of(line.path);
  read_claims(walked, prompt);
  walked.emit(prompt.parts);
  return prompt;
}

}  // namespace warden::provider
