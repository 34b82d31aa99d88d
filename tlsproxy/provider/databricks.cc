// SPDX-License-Identifier: Apache-2.0
// Databricks model serving (docs.databricks.com/aws/en/machine-learning/foundation-model-apis/api-reference):
// OpenAI's bodies at /serving-endpoints/{endpoint}/invocations (the endpoint is the model), and whole APIs of
// other makers below /serving-endpoints/ and the AI gateway. Custom models take rows ({"dataframe_split":
// ...}): every value of them is walked.
#include <array>

#include "tlsproxy/provider/answer_reader.h"
#include "tlsproxy/provider/dialects.h"
#include "tlsproxy/provider/error_body.h"
#include "tlsproxy/provider/openai_request.h"
#include "tlsproxy/provider/promptless.h"

namespace warden::provider {
namespace {

using Fault = std::optional<Unreadable>;

constexpr std::string_view kInvocations = "/invocations";
constexpr std::array<std::string_view, 2> kResources = {"serving-endpoints", "ai-gateway"};

Fault walk_rows(Body& body, Prompt&) {
  for (const std::string_view name :
       {"dataframe_split", "dataframe_records", "instances", "inputs", "query", "documents"})
    if (!body.absent(body.top(name))) {
      body.mark(0, Role::user);
      return std::nullopt;
    }
  return Unreadable::unknown_shape;
}

// Agents take a chat or the items of a response; embeddings take "input" as text or texts.
bool holds_items(const Body& body) {
  bool items = false;
  body.each(body.top("input"), [&](size_t item) { items |= body.is(item, NodeKind::object); });
  return items;
}

Fault walk_invocation(Body& body, Prompt& prompt) {
  if (!body.absent(body.top("messages"))) return walk_chat(body, prompt);
  if (!body.absent(body.top("prompt"))) return walk_text_completion(body, prompt);
  if (holds_items(body)) return walk_responses(body, prompt);
  return body.absent(body.top("input")) ? walk_rows(body, prompt) : walk_embeddings(body, prompt);
}

std::string endpoint_of(std::string_view path) {
  path.remove_suffix(kInvocations.size());
  return std::string(path.substr(path.rfind('/') + 1));
}

std::expected<Prompt, Unreadable> read_databricks(const RequestLine& line, std::string_view body) {
  if (line.method != "POST") return read_promptless(line, body, kResources);
  if (!line.path.ends_with(kInvocations)) {
    const Vocabulary* other = vocabulary_of(line.path);
    return other == nullptr ? std::unexpected(Unreadable::unknown_path) : other->read(line, body);
  }
  static constexpr Route kRoute = {kInvocations, "invocations", walk_invocation};
  auto prompt = read_route(kRoute, body);
  // The endpoint answers, whatever model a body names.
  if (prompt) prompt->model = endpoint_of(line.path);
  return prompt;
}

std::unique_ptr<AnswerReader> databricks_answer(const RequestLine& line, std::string_view content_type) {
  const Vocabulary* other = vocabulary_of(line.path);
  return other == nullptr ? openai_answer(line, content_type) : other->answer(line, content_type);
}

std::string databricks_error_body(const Refusal& refusal) {
  const Vocabulary* other = vocabulary_of(refusal.path);
  if (other != nullptr && other != &kOpenai) return other->error_body(refusal);
  const std::string_view code = refusal.status == 429   ? "REQUEST_LIMIT_EXCEEDED"
                                : refusal.status >= 500 ? "TEMPORARILY_UNAVAILABLE"
                                                        : "BAD_REQUEST";
  return "{\"error_code\":" + quoted(code) + ",\"message\":" + quoted(refusal.message) + "}";
}

std::string databricks_stream_error(const Refusal& refusal, std::string_view content_type) {
  const Vocabulary* other = vocabulary_of(refusal.path);
  return (other == nullptr ? kOpenai : *other).stream_error(refusal, content_type);
}

}  // namespace

const Vocabulary kDatabricks = {"databricks", read_databricks, databricks_answer, databricks_error_body,
                                databricks_stream_error};

}  // namespace warden::provider
