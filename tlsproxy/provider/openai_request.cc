// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/provider/openai_request.h"

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

void read_claims(Body& body, Prompt& prompt) {
  claim(body, body.top("user"), "user", prompt);
  claim(body, body.top("safety_identifier"), "safety_identifier", prompt);
  claim(body, body.member(body.top("metadata"), "user_id"), "metadata.user_id", prompt);
}

constexpr std::array<Route, 17> kRoutes = {{
    {"/chat/completions", "chat.completions", walk_chat},
    {"/completions", "completions", walk_text_completion},
    {"/responses", "responses", walk_responses},
    {"/responses/input_tokens", "responses.input_tokens", walk_responses},
    {"/responses/compact", "responses.compact", walk_responses},
    {"/embeddings", "embeddings", walk_embeddings},
    {"/moderations", "moderations", walk_moderations},
    {"/images/generations", "images.generations", walk_media},
    {"/images/edits", "images.edits", walk_media},
    {"/audio/speech", "audio.speech", walk_media},
    {"/videos", "videos", walk_media},
    {"/rerank", "rerank", walk_texts},
    {"/score", "score", walk_texts},
    {"/classify", "classify", walk_texts},
    {"/pooling", "embeddings", walk_embeddings},
    {"/tokenize", "tokenize", walk_texts},
    {"/realtime/client_secrets", "realtime.sessions", walk_resource},
}};

constexpr std::array<std::string_view, 19> kResources = {
    "models",  "responses",   "files",         "batches",       "fine_tuning", "assistants",   "threads",
    "evals",   "videos",      "conversations", "vector_stores", "containers",  "organization", "completions",
    "uploads", "deployments", "engines",       "skills",        "realtime"};

// Azure names the model in the path: /openai/deployments/{deployment}/chat/completions.
std::string deployment_of(std::string_view path) {
  constexpr std::string_view kMark = "/deployments/";
  const size_t start = path.find(kMark);
  if (start == path.npos) return {};
  path.remove_prefix(start + kMark.size());
  return std::string(path.substr(0, path.find('/')));
}

// Writes to resources are known by the resource, not by the tail: /v1/threads/{id}/messages.
const Route* resource_route(std::string_view path) {
  static constexpr std::array<Route, 9> kWrites = {{{"", "batches", walk_resource},
                                                    {"", "fine_tuning", walk_resource},
                                                    {"", "assistants", walk_resource},
                                                    {"", "threads", walk_resource},
                                                    {"", "evals", walk_resource},
                                                    {"", "conversations", walk_resource},
                                                    {"", "vector_stores", walk_resource},
                                                    {"", "containers", walk_resource},
                                                    {"", "uploads", walk_resource}}};
  const std::string_view resource = resource_of(path, kResources);
  const auto found = std::ranges::find(kWrites, resource, &Route::operation);
  return resource.empty() || found == kWrites.end() ? nullptr : &*found;
}

// POSTs that carry nothing: /v1/batches/{id}/cancel.
bool is_bare_action(std::string_view path) {
  return path.ends_with("/cancel") || path.ends_with("/complete") || path.ends_with("/pause") ||
         path.ends_with("/resume");
}

}  // namespace

const Route* openai_route(std::string_view path) {
  const auto route = std::ranges::find_if(kRoutes, [&](const Route& r) { return path.ends_with(r.tail); });
  return route == kRoutes.end() ? nullptr : &*route;
}

Fault walk_route(const Route& route, Body& body, Prompt& prompt) {
  if (const Fault fault =
          read_common(body, {"max_tokens", "max_completion_tokens", "max_output_tokens"}, prompt))
    return fault;
  if (const Fault fault = route.walk(body, prompt)) return fault;
  read_claims(body, prompt);
  return std::nullopt;
}

std::expected<Prompt, Unreadable> read_route(const Route& route, std::string_view body) {
  Body walked;
  if (const Fault fault = walked.load(body)) return std::unexpected(*fault);
  Prompt prompt;
  prompt.operation = route.operation;
  if (const Fault fault = walk_route(route, walked, prompt)) return std::unexpected(*fault);
  if (!walked.emit(prompt.parts)) return std::unexpected(Unreadable::too_many_values);
  return prompt;
}

std::expected<Prompt, Unreadable> read_openai(const RequestLine& line, std::string_view body) {
  if (line.method != "POST") return read_promptless(line, body, kResources);
  if (is_form(line)) return read_upload(line, body);
  const Route* route = openai_route(line.path);
  if (route == nullptr) route = resource_route(line.path);
  if (route == nullptr) return std::unexpected(Unreadable::unknown_path);
  if (body.empty() && is_bare_action(line.path)) {
    Prompt bare;
    bare.operation = route->operation;
    return bare;
  }
  auto prompt = read_route(*route, body);
  if (prompt && prompt->model.empty()) prompt->model = deployment_of(line.path);
  return prompt;
}

const Vocabulary kOpenai = {"openai", read_openai, openai_answer, openai_error_body, openai_stream_error};

}  // namespace warden::provider
