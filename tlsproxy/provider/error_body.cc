// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/provider/error_body.h"

#include "tlsproxy/provider/json_walk.h"

namespace warden::provider {
namespace {

std::string_view anthropic_type(int status) {
  if (status == 429) return "rate_limit_error";
  return status >= 500 ? "api_error" : "invalid_request_error";
}

}  // namespace

std::string quoted(std::string_view text) {
  std::string out = "\"";
  append_json(out, text);
  return out.append("\"");
}

std::string sse_event(std::string_view name, std::string_view data) {
  std::string out;
  if (!name.empty()) out.append("event: ").append(name).append("\n");
  return out.append("data: ").append(data).append("\n\n");
}

std::string openai_error_type(int status) {
  if (status == 429) return "rate_limit_error";
  return status >= 500 ? "server_error" : "invalid_request_error";
}

std::string openai_error_body(const Refusal& refusal) {
  return "{\"error\":{\"message\":" + quoted(refusal.message) +
         ",\"type\":" + quoted(openai_error_type(refusal.status)) +
         ",\"param\":null,\"code\":" + quoted(refusal.code) + "}}";
}

// Responses: the typed event that coding agents show (an "error" event makes one of them repeat six times).
std::string openai_stream_error(const Refusal& refusal, std::string_view) {
  if (!refusal.path.ends_with("/responses")) return sse_event("", openai_error_body(refusal));
  return sse_event(
      "response.failed",
      "{\"type\":\"response.failed\",\"response\":{\"id\":" + quoted(refusal.request_id) +
          ",\"object\":\"response\",\"status\":\"failed\",\"error\":{\"code\":" + quoted(refusal.code) +
          ",\"message\":" + quoted(refusal.message) + "},\"output\":[]}}");
}

std::string anthropic_error_body(const Refusal& refusal) {
  return "{\"type\":\"error\",\"error\":{\"type\":" + quoted(anthropic_type(refusal.status)) +
         ",\"message\":" + quoted(refusal.message) + "},\"request_id\":" + quoted(refusal.request_id) + "}";
}

std::string anthropic_stream_error(const Refusal& refusal, std::string_view) {
  return sse_event("error", anthropic_error_body(refusal));
}

}  // namespace warden::provider
