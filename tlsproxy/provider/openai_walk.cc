// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/provider/openai_request.h"

#include <algorithm>
#include <array>

#include "tlsproxy/provider/body.h"

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

}  // namespace

Fault walk_chat(Body& body, Prompt& prompt) {
  const size_t messages = body.top("messages");
  if (!body.is(messages, NodeKind::array)) return Unreadable::unknown_shape;
  Fault fault;
  body.each(messages, [&](size_t message) {
    if (!fault) fault = read_message(body, message);
  });
  if (fault) return fault;
  read_tools(body, body.top("tools"), prompt);
  read_tools(body, body.top("functions"), prompt);
  body.mark(body.top("prediction"), Role::assistant);
  return std::nullopt;
}

Fault walk_text_completion(Body& body, Prompt&) {
  const size_t text = body.top("prompt");
  if (!body.is(text, NodeKind::string) && !body.is(text, NodeKind::array)) return Unreadable::unknown_shape;
  body.mark(text, Role::user);
  body.mark(body.top("suffix"), Role::user);
  return std::nullopt;
}

namespace {

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

}  // namespace

Fault walk_responses(Body& body, Prompt& prompt) {
  const size_t input = body.top("input");
  const size_t stored = body.top("prompt");
  if (body.is(input, NodeKind::string)) {
    body.mark(input, Role::user);
  } else if (body.is(input, NodeKind::array)) {
    body.mark(input, Role::other);
    Fault fault;
    body.each(input, [&](size_t item) {
      if (!fault) fault = read_item(body, item);
    });
    if (fault) return fault;
  } else if (!body.absent(input) || (body.absent(stored) && body.absent(body.top("previous_response_id")) &&
                                     body.absent(body.top("conversation")))) {
    return Unreadable::unknown_shape;
  }
  body.mark(body.top("instructions"), Role::system);
  body.mark(stored, Role::user);
  read_tools(body, body.top("tools"), prompt);
  body.mark_sealed({"encrypted_content"});  // checked by the provider when it comes back
  return std::nullopt;
}

namespace {

Fault read_input(Body& body, Role role) {
  const size_t input = body.top("input");
  if (!body.is(input, NodeKind::string) && !body.is(input, NodeKind::array) &&
      !body.is(input, NodeKind::object))
    return Unreadable::unknown_shape;
  body.mark(input, role);
  return std::nullopt;
}

}  // namespace

Fault walk_embeddings(Body& body, Prompt&) {
  return read_input(body, Role::embedding);
}

Fault walk_moderations(Body& body, Prompt&) {
  const Fault fault = read_input(body, Role::user);
  if (!fault) mark_content(body, body.top("input"));
  return fault;
}

// Members that hold text as a user or a system gives it, wherever they stand in a write.
Fault walk_resource(Body& body, Prompt& prompt) {
  for (size_t at = body.root() + 1; at < body.tape()[body.root()].end; ++at) {
    if (body.named(at, "instructions") || body.named(at, "description")) body.mark(at, Role::system);
    if (body.named(at, "content") || body.named(at, "items") || body.named(at, "messages"))
      body.mark(at, Role::user);
    if (body.named(at, "output")) body.mark(at, Role::tool_result);
  }
  read_tools(body, body.top("tools"), prompt);
  return std::nullopt;
}

Fault walk_media(Body& body, Prompt&) {
  const size_t prompt = body.top("prompt");
  const size_t input = body.top("input");
  if (body.absent(prompt) && body.absent(input)) return Unreadable::unknown_shape;
  for (const size_t text : {prompt, input, body.top("negative_prompt")}) body.mark(text, Role::user);
  body.mark(body.top("instructions"), Role::system);
  for (const std::string_view file : {"image", "images", "mask"}) body.mark(body.top(file), Role::file);
  return std::nullopt;
}

Fault walk_texts(Body& body, Prompt&) {
  bool any = false;
  for (const std::string_view name : {"query", "queries", "documents", "text", "texts", "input", "inputs",
                                      "prompt", "messages", "text_1", "text_2", "examples"}) {
    const size_t text = body.top(name);
    any |= !body.absent(text);
    body.mark(text, name == "documents" ? Role::file : Role::user);
  }
  return any ? std::nullopt : Fault(Unreadable::unknown_shape);
}

}  // namespace warden::provider
