// SPDX-License-Identifier: Apache-2.0
// MCP over HTTP (modelcontextprotocol.io/specification, Streamable HTTP): JSON-RPC messages, one or a list of
// them, posted to one address; answers as JSON or as events.
#include <array>

#include "tlsproxy/provider/answer_reader.h"
#include "tlsproxy/provider/body.h"
#include "tlsproxy/provider/dialects.h"
#include "tlsproxy/provider/error_body.h"

namespace warden::provider {
namespace {

using Fault = std::optional<Unreadable>;

// Records and policy know these by name; every other method is "mcp".
std::string_view operation_of(std::string_view method) {
  static constexpr std::array<std::string_view, 8> kMethods = {
      "tools/call",  "tools/list",   "resources/read", "resources/list",
      "prompts/get", "prompts/list", "initialize",     "completion/complete"};
  for (const std::string_view known : kMethods)
    if (method == known) return known;
  return "mcp";
}

Fault walk_message(Body& body, size_t message, Prompt& prompt) {
  if (!body.is(message, NodeKind::object) || body.text(message, "jsonrpc") != "2.0")
    return Unreadable::unknown_shape;
  const size_t params = body.member(message, "params");
  if (body.doubled(message, {"method", "params", "result"}) ||
      body.doubled(params, {"name", "arguments", "uri"}))
    return Unreadable::duplicate_member;
  const std::string method = body.text(message, "method");
  // A list is called by what matters most in it.
  if (prompt.operation != "tools/call") prompt.operation = operation_of(method);
  if (method == "tools/call") {
    body.mark(params, Role::tool_call);
    if (std::string name = body.text(params, "name"); !name.empty()) prompt.tools.push_back(std::move(name));
  } else if (method == "resources/read") {
    body.mark(params, Role::file);
  } else {
    body.mark(params, Role::user);
  }
  // The client's answer to a question of the server: a sample, what a person typed.
  body.mark(body.member(message, "result"), Role::tool_result);
  return std::nullopt;
}

std::expected<Prompt, Unreadable> read_mcp(const RequestLine& line, std::string_view body) {
  Prompt prompt;
  prompt.operation = "mcp";
  if (line.method != "POST") {  // GET opens the server's stream, DELETE ends the session
    if (!body.empty() || (line.method != "GET" && line.method != "DELETE" && line.method != "HEAD" &&
                          line.method != "OPTIONS"))
      return std::unexpected(Unreadable::unknown_shape);
    return prompt;
  }
  Body walked;
  if (const Fault fault = walked.load_any(body)) return std::unexpected(*fault);
  Fault fault;
  if (walked.is(0, NodeKind::array))
    walked.each(0, [&](size_t message) {
      if (!fault) fault = walk_message(walked, message, prompt);
    });
  else
    fault = walk_message(walked, 0, prompt);
  if (fault) return std::unexpected(*fault);
  if (!walked.emit(prompt.parts)) return std::unexpected(Unreadable::too_many_values);
  return prompt;
}

class McpAnswer final : public JsonAnswerReader {
 public:
  using JsonAnswerReader::JsonAnswerReader;

 private:
  void on_event(const Body& event) override { take(event); }
  void on_document(const Body& document) override { take(document); }
  void take(const Body& json) {
    const size_t result = json.member(0, "result");
    if (!json.absent(json.member(0, "error"))) {
      add_finish("error");
    } else if (!json.absent(result)) {
      add_finish(json.is_true(json.member(result, "isError")) ? "tool_error" : "result");
    } else {
      return;
    }
    usage_.terminal = true;
  }
};

std::unique_ptr<AnswerReader> mcp_answer(const RequestLine&, std::string_view content_type) {
  return std::make_unique<McpAnswer>(content_type);
}

// The message that is refused may be one of a list, so its id is not repeated.
std::string mcp_error_body(const Refusal& refusal) {
  const int code = refusal.status >= 500 ? -32603 : -32600;
  return "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":" + std::to_string(code) +
         ",\"message\":" + quoted(refusal.message) + ",\"data\":{\"code\":" + quoted(refusal.code) + "}}}";
}

std::string mcp_stream_error(const Refusal& refusal, std::string_view) {
  return sse_event("message", mcp_error_body(refusal));
}

}  // namespace

const Vocabulary kMcp = {"mcp", read_mcp, mcp_answer, mcp_error_body, mcp_stream_error};

}  // namespace warden::provider
