// SPDX-License-Identifier: Apache-2.0
// Amazon Bedrock's runtime (docs.aws.amazon.com/bedrock/latest/APIReference): Converse in one shape for all
// models, Invoke in each maker's own. Requests are usually signed by SigV4, body and all: see body_is_signed.
#include <algorithm>
#include <array>

#include "tlsproxy/provider/anthropic_request.h"
#include "tlsproxy/provider/bedrock_answer.h"
#include "tlsproxy/provider/dialects.h"
#include "tlsproxy/provider/error_body.h"
#include "tlsproxy/provider/openai_request.h"
#include "tlsproxy/provider/promptless.h"

namespace warden::provider {
namespace {

using Fault = std::optional<Unreadable>;

Role role_of(std::string_view word) {
  if (word == "user") return Role::user;
  if (word == "assistant") return Role::assistant;
  return word == "system" ? Role::system : Role::other;
}

void mark_block(Body& body, size_t block) {
  body.each(block, [&](size_t member) {
    for (const std::string_view file : {"image", "document", "video", "audio"})
      if (body.named(member, file)) body.mark(member, Role::file);
    if (body.named(member, "toolUse")) body.mark(member, Role::tool_call);
    if (body.named(member, "toolResult")) {
      body.mark(member, Role::tool_result);
      body.mark_text_runs(body.member(member, "content"));
    }
    if (body.named(member, "reasoningContent")) body.mark_opaque(member);
  });
}

Fault walk_messages_of_blocks(Body& body, size_t messages) {
  if (!body.is(messages, NodeKind::array)) return Unreadable::unknown_shape;
  Fault fault;
  body.each(messages, [&](size_t message) {
    if (fault || !body.is(message, NodeKind::object)) return;
    if (body.doubled(message, {"role", "content"})) fault = Unreadable::duplicate_member;
    body.mark(message, role_of(body.text(message, "role")));
    const size_t content = body.member(message, "content");
    body.mark_text_runs(content);
    body.each(content, [&](size_t block) { mark_block(body, block); });
  });
  return fault;
}

Fault walk_converse(Body& body, Prompt& prompt) {
  if (body.doubled(0, {"messages", "system", "toolConfig", "inferenceConfig"}))
    return Unreadable::duplicate_member;
  if (const Fault fault = walk_messages_of_blocks(body, body.top("messages"))) return fault;
  body.mark(body.top("system"), Role::system);
  body.mark_text_runs(body.top("system"));
  const size_t tools = body.member(body.top("toolConfig"), "tools");
  body.mark(tools, Role::tool_definition);
  body.each(tools, [&](size_t tool) {
    if (std::string name = body.text(body.member(tool, "toolSpec"), "name"); !name.empty())
      prompt.tools.push_back(std::move(name));
  });
  prompt.max_tokens = body.integer(body.member(body.top("inferenceConfig"), "maxTokens"));
  return std::nullopt;
}

// Models that take one text: Titan, Llama, Mistral, Cohere, embeddings, pictures.
Fault walk_text(Body& body, Prompt& prompt) {
  const bool embeds = prompt.model.find("embed") != std::string::npos;
  bool any = false;
  for (const std::string_view name :
       {"inputText", "texts", "prompt", "inputs", "query", "message", "textToImageParams", "taskType",
        "text_prompts", "inputImage", "singleEmbeddingParams"}) {
    any |= !body.absent(body.top(name));
    body.mark(body.top(name), embeds ? Role::embedding : Role::user);
  }
  body.mark(body.top("chat_history"), Role::assistant);
  body.mark(body.top("preamble"), Role::system);
  for (const std::string_view file : {"documents", "inputImage", "images"})
    body.mark(body.top(file), Role::file);
  return any ? std::nullopt : Fault(Unreadable::unknown_shape);
}

bool has_blocks(const Body& body) {
  bool blocks = false;
  body.each(body.top("messages"),
            [&](size_t message) { blocks |= body.is(body.member(message, "content"), NodeKind::array); });
  return blocks;
}

// The path's model answers; "model" in such a body is not read by anybody.
Fault walk_invoke(Body& body, Prompt& prompt) {
  const std::string model = std::move(prompt.model);
  if (const Fault fault = read_common(body, {"max_tokens", "max_gen_len", "maxTokens"}, prompt)) return fault;
  prompt.model = model;
  if (!body.absent(body.top("anthropic_version"))) return walk_messages(body, prompt);
  if (body.absent(body.top("messages"))) return walk_text(body, prompt);
  // Nova takes Converse's blocks; all others take OpenAI's.
  return !body.absent(body.top("schemaVersion")) || (has_blocks(body) && body.absent(body.top("tools")))
             ? walk_converse(body, prompt)
             : walk_chat(body, prompt);
}

Fault walk_count(Body& body, Prompt& prompt) {
  const size_t converse = body.member(body.top("input"), "converse");
  body.mark(0, Role::user);
  if (converse == Body::kNone) return std::nullopt;
  body.enter(converse);
  return walk_converse(body, prompt);
}

Fault walk_guardrail(Body& body, Prompt&) {
  body.mark(body.top("content"), Role::user);
  return std::nullopt;
}

struct Call {
  std::string_view tail;
  std::string_view operation;
  Walk walk;
  bool stream = false;
};
constexpr std::array<Call, 7> kCalls = {{
    {"/converse", "converse", walk_converse},
    {"/converse-stream", "converse-stream", walk_converse, true},
    {"/invoke", "invoke", walk_invoke},
    {"/invoke-with-response-stream", "invoke-with-response-stream", walk_invoke, true},
    {"/count-tokens", "count-tokens", walk_count},
    {"/apply", "guardrail.apply", walk_guardrail},
    {"/async-invoke", "async-invoke", walk_resource},
}};

constexpr std::array<std::string_view, 3> kResources = {"async-invoke", "models", "guardrail"};

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char low = static_cast<char>(c | 0x20);
  return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

// /model/{id}/converse; an ARN or a version comes percent-coded.
std::string model_of(std::string_view path) {
  constexpr std::string_view kMark = "/model/";
  const size_t start = path.find(kMark);
  if (start == path.npos) return {};
  path.remove_prefix(start + kMark.size());
  path = path.substr(0, path.rfind('/'));
  std::string model;
  for (size_t at = 0; at < path.size(); ++at) {
    const int high = path[at] == '%' && at + 2 < path.size() ? hex_digit(path[at + 1]) : -1;
    const int low = high < 0 ? -1 : hex_digit(path[at + 2]);
    model.push_back(low < 0 ? path[at] : static_cast<char>(high * 16 + low));
    if (low >= 0) at += 2;
  }
  return model;
}

std::expected<Prompt, Unreadable> read_bedrock(const RequestLine& line, std::string_view body) {
  if (line.method != "POST") return read_promptless(line, body, kResources);
  const auto call = std::ranges::find_if(kCalls, [&](const Call& c) { return line.path.ends_with(c.tail); });
  if (call == kCalls.end()) {
    const Vocabulary* other = vocabulary_of(line.path);
    return other == nullptr ? std::unexpected(Unreadable::unknown_path) : other->read(line, body);
  }
  Body walked;
  if (const Fault fault = walked.load(body)) return std::unexpected(*fault);
  Prompt prompt;
  prompt.operation = call->operation;
  prompt.model = model_of(line.path);
  if (const Fault fault = call->walk(walked, prompt)) return std::unexpected(*fault);
  if (prompt.model.empty()) prompt.model = walked.text(0, "modelId");
  prompt.stream = call->stream;
  walked.enter(0);
  walked.mark_sealed({"reasoningContent"});
  if (!walked.emit(prompt.parts)) return std::unexpected(Unreadable::too_many_values);
  return prompt;
}

}  // namespace

const Vocabulary kBedrock = {"bedrock",          read_bedrock,         bedrock_answer,
                             bedrock_error_body, bedrock_stream_error, bedrock_error_field};

}  // namespace warden::provider
