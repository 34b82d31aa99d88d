// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/provider/error_body.h"

#include "tlsproxy/provider/json_walk.h"

namespace warden::provider {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  append_json(out, text);
  return out.append("\"");
}

std::string_view openai_type(int status) {
  if (status == 429) return "rate_limit_error";
  return status >= 500 ? "server_error" : "invalid_request_error";
}

std::string_view anthropic_type(int status) {
  if (status == 429) return "rate_limit_error";
  return status >= 500 ? "api_error" : "invalid_request_error";
}

}  // namespace

std::string openai_error_body(const Refusal& refusal) {
  return "{\"error\":{\"message\":" + quoted(refusal.message) +
         ",\"type\":" + quoted(openai_type(refusal.status)) +
         ",\"param\":null,\"code\":" + quoted(refusal.code) + "}}";
}

std::string anthropic_error_body(const Refusal& refusal) {
  return "{\"type\":\"error\",\"error\":{\"type\":" + quoted(anthropic_type(refusal.status)) +
         ",\"message\":" + quoted(refusal.message) + "},\"request_id\":" + quoted(refusal.request_id) + "}";
}

}  // namespace warden::provider
