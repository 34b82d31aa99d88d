// SPDX-License-Identifier: Apache-2.0
// Google reads protobuf's JSON form: every name stands in lowerCamelCase or in snake_case.
#include "tlsproxy/provider/gemini_request.h"

#include <algorithm>
#include <array>

#include "tlsproxy/provider/anthropic_request.h"
#include "tlsproxy/provider/dialects.h"
#include "tlsproxy/provider/gemini_answer.h"
#include "tlsproxy/provider/openai_request.h"
#include "tlsproxy/provider/promptless.h"
#include "tlsproxy/provider/upload.h"

namespace warden::provider {
namespace {

using Fault = std::optional<Unreadable>;

size_t either(const Body& body, size_t object, std::string_view camel, std::string_view snake) {
  const size_t found = body.member(object, camel);
  return found == Body::kNone ? body.member(object, snake) : found;
}

void mark_part(Body& body, size_t part) {
  body.each(part, [&](size_t member) {
    if (body.named(member, "inlineData") || body.named(member, "inline_data") ||
        body.named(member, "fileData") || body.named(member, "file_data"))
      body.mark(member, Role::file);
    else if (body.named(member, "functionCall") || body.named(member, "function_call") ||
             body.named(member, "executableCode") || body.named(member, "executable_code"))
      body.mark(member, Role::tool_call);
    else if (body.named(member, "functionResponse") || body.named(member, "function_response") ||
             body.named(member, "codeExecutionResult") || body.named(member, "code_execution_result"))
      body.mark(member, Role::tool_result);
  });
}

Role role_of(std::string_view word) {
  if (word == "model") return Role::assistant;
  return word == "function" || word == "tool" ? Role::tool_result
         : word == "system"                   ? Role::system
                                              : Role::user;
}

Fault walk_content(Body& body, size_t content, Role role) {
  if (body.is(content, NodeKind::string)) {
    body.mark(content, role);
    return std::nullopt;
  }
  if (!body.is(content, NodeKind::object)) return Unreadable::unknown_shape;
  if (body.doubled(content, {"role", "parts"})) return Unreadable::duplicate_member;
  body.mark(content, role);
  const size_t parts = body.member(content, "parts");
  body.mark_text_runs(parts);
  if (body.is(parts, NodeKind::object)) mark_part(body, parts);
  body.each(parts, [&](size_t part) { mark_part(body, part); });
  return std::nullopt;
}

void name_tools(const Body& body, size_t tool, Prompt& prompt) {
  body.each(tool, [&](size_t member) {
    if (!body.named(member, "functionDeclarations") && !body.named(member, "function_declarations")) {
      prompt.tools.emplace_back(
          decode_json(body.tape()[member].label));  // a built-in one: {"googleSearch":{}}
      return;
    }
    body.each(member, [&](size_t function) {
      if (std::string name = body.text(function, "name"); !name.empty())
        prompt.tools.push_back(std::move(name));
    });
  });
}

Fault walk_each(Body& body, size_t contents, Role role) {
  if (!body.is(contents, NodeKind::array)) return walk_content(body, contents, role);
  Fault fault;
  body.each(contents, [&](size_t content) {
    const std::string word = body.text(content, "role");
    const Role said = word.empty() ? role : role_of(word);
    if (!fault) fault = walk_content(body, content, said);
  });
  return fault;
}

}  // namespace

Fault walk_contents(Body& body, Prompt& prompt) {
  if (body.doubled(body.root(),
                   {"contents", "content", "model", "tools", "systemInstruction", "system_instruction",
                    "generationConfig", "generation_config", "generateContentRequest"}))
    return Unreadable::duplicate_member;
  const size_t contents = body.top("contents");
  const size_t system = either(body, body.root(), "systemInstruction", "system_instruction");
  // What is to be cached may be a system instruction alone.
  if (!body.absent(contents) || body.absent(system))
    if (const Fault fault = walk_each(body, contents, Role::user)) return fault;
  body.mark(system, Role::system);
  body.mark(body.top("tools"), Role::tool_definition);
  body.each(body.top("tools"), [&](size_t tool) { name_tools(body, tool, prompt); });
  const size_t config = either(body, body.root(), "generationConfig", "generation_config");
  if (const auto most = body.integer(either(body, config, "maxOutputTokens", "max_output_tokens")))
    prompt.max_tokens = std::max(*most, prompt.max_tokens.value_or(*most));
  body.mark_sealed({"thoughtSignature", "thought_signature"});
  return std::nullopt;
}

namespace {

Fault walk_embed(Body& body, Prompt&) {
  if (body.doubled(body.root(), {"content", "contents", "model"})) return Unreadable::duplicate_member;
  const size_t content = body.top("content");
  return walk_each(body, content, Role::embedding);
}

Fault walk_embeds(Body& body, Prompt& prompt) {
  const size_t requests = body.member(0, "requests");
  if (!body.is(requests, NodeKind::array)) return Unreadable::unknown_shape;
  Fault fault;
  body.each(requests, [&](size_t request) {
    body.enter(request);
    if (!fault) fault = walk_embed(body, prompt);
  });
  return fault;
}

// {"contents": ...} or {"generateContentRequest": {...}}
Fault walk_count(Body& body, Prompt& prompt) {
  const size_t whole = either(body, 0, "generateContentRequest", "generate_content_request");
  if (whole != Body::kNone) body.enter(whole);
  return walk_contents(body, prompt);
}

// Batches hold their requests inline, a few levels down.
Fault walk_batch(Body& body, Prompt& prompt) {
  body.mark(0, Role::file);
  Fault fault;
  for (size_t at = 1; at < body.tape().size() && !fault; ++at)
    if (body.named(at, "request") && body.is(at, NodeKind::object)) {
      body.enter(at);
      fault = walk_contents(body, prompt);
    }
  return fault;
}

// Vertex models of other kinds: {"instances":[{"prompt" or "content": ...}], "parameters": ...}
Fault walk_instances(Body& body, Prompt&) {
  if (!body.is(body.top("instances"), NodeKind::array)) return Unreadable::unknown_shape;
  body.mark(body.top("instances"), Role::user);
  return std::nullopt;
}

// Models of other makers on Vertex, in their own shape.
Fault walk_raw(Body& body, Prompt& prompt) {
  Fault fault = read_common(body, {"max_tokens"}, prompt);
  if (fault) return fault;
  if (!body.absent(body.top("anthropic_version"))) return walk_messages(body, prompt);
  return body.absent(body.top("messages")) ? walk_instances(body, prompt) : walk_chat(body, prompt);
}

Fault walk_interaction(Body& body, Prompt& prompt) {
  if (const Fault fault = read_common(body, {"max_output_tokens"}, prompt)) return fault;
  if (body.absent(body.top("input"))) return Unreadable::unknown_shape;
  body.mark(body.top("input"), Role::user);
  body.mark(body.top("system_instruction"), Role::system);
  body.mark(body.top("tools"), Role::tool_definition);
  body.mark_sealed({"signature", "thoughtSignature", "thought_signature"});
  return std::nullopt;
}

struct Method {
  std::string_view tail;
  std::string_view operation;
  Walk walk;
  bool stream = false;
};
constexpr std::array<Method, 16> kMethods = {{
    {":generateContent", "generateContent", walk_contents},
    {":streamGenerateContent", "streamGenerateContent", walk_contents, true},
    {":countTokens", "countTokens", walk_count},
    {":computeTokens", "computeTokens", walk_count},
    {":embedContent", "embedContent", walk_embed},
    {":batchEmbedContents", "batchEmbedContents", walk_embeds},
    {":asyncBatchEmbedContent", "batchEmbedContents", walk_batch},
    {":batchGenerateContent", "batchGenerateContent", walk_batch},
    {":predict", "predict", walk_instances},
    {":predictLongRunning", "predictLongRunning", walk_instances},
    {":rawPredict", "rawPredict", walk_raw},
    {":streamRawPredict", "streamRawPredict", walk_raw, true},
    {"/cachedContents", "cachedContents", walk_contents},
    {"/interactions", "interactions", walk_interaction},
    {"/files", "files", walk_resource},
    {"/batchPredictionJobs", "batchPredictionJobs", walk_resource},
}};

constexpr std::array<std::string_view, 11> kResources = {
    "models",  "files",     "cachedContents", "tunedModels",  "operations",      "batches",
    "corpora", "locations", "projects",       "interactions", "fileSearchStores"};

// /v1/models/{model}:generateContent,
// /v1/projects/p/locations/l/publishers/google/models/{model}:generateContent
std::string model_of(std::string_view path) {
  const size_t colon = path.rfind(':');
  if (colon == path.npos) return {};
  path = path.substr(0, colon);
  return std::string(path.substr(path.rfind('/') + 1));
}

}  // namespace

std::expected<Prompt, Unreadable> read_gemini(const RequestLine& line, std::string_view body) {
  if (line.method != "POST") return read_promptless(line, body, kResources);
  if (is_form(line) || (is_bare_file(line) && line.path.find("/upload/") != line.path.npos))
    return read_upload(line, body);
  const auto method =
      std::ranges::find_if(kMethods, [&](const Method& m) { return line.path.ends_with(m.tail); });
  if (method == kMethods.end()) {
    // The OpenAI-shaped surface: /v1beta/openai/chat/completions, .../endpoints/openapi/chat/completions
    const Route* route = openai_route(line.path);
    return route == nullptr ? std::unexpected(Unreadable::unknown_path) : read_route(*route, body);
  }
  Body walked;
  if (const Fault fault = walked.load(body)) return std::unexpected(*fault);
  Prompt prompt;
  prompt.operation = method->operation;
  if (const Fault fault = method->walk(walked, prompt)) return std::unexpected(*fault);
  // A model in the path is the one that answers; a different one in the body has no say.
  if (std::string model = model_of(line.path); !model.empty()) prompt.model = std::move(model);
  if (prompt.model.empty()) prompt.model = walked.text(0, "model");
  prompt.stream |= method->stream;
  if (!walked.emit(prompt.parts)) return std::unexpected(Unreadable::too_many_values);
  return prompt;
}

const Vocabulary kGemini = {"gemini", read_gemini, gemini_answer, gemini_error_body, gemini_stream_error};

}  // namespace warden::provider
