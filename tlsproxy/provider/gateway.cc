// SPDX-License-Identifier: Apache-2.0
// Fronts that carry several APIs under one name (gateways, routers, clouds): the path's tail says which.
#include <algorithm>
#include <array>

#include "tlsproxy/provider/dialects.h"
#include "tlsproxy/provider/openai_request.h"
#include "tlsproxy/provider/upload.h"

namespace warden::provider {
namespace {

struct Tail {
  std::string_view tail;
  const Vocabulary* words;
};
constexpr std::array<Tail, 16> kTails = {{
    {"/messages", &kAnthropic},
    {"/messages/count_tokens", &kAnthropic},
    {"/messages/batches", &kAnthropic},
    {":generateContent", &kGemini},
    {":streamGenerateContent", &kGemini},
    {":embedContent", &kGemini},
    {":batchEmbedContents", &kGemini},
    {":countTokens", &kGemini},
    {":predict", &kGemini},
    {":rawPredict", &kGemini},
    {":streamRawPredict", &kGemini},
    {"/chat/completions", &kOpenai},
    {"/completions", &kOpenai},
    {"/responses", &kOpenai},
    {"/embeddings", &kOpenai},
    {"/moderations", &kOpenai},
}};
// With a verb of AWS at the end, only below a model: no other API has such paths.
constexpr std::array<std::string_view, 4> kBedrockTails = {"/converse", "/converse-stream", "/invoke",
                                                           "/invoke-with-response-stream"};

bool ends_in(std::string_view path, std::string_view tail) {
  return path.ends_with(tail);
}

const Vocabulary& words_of(std::string_view path) {
  if (path.find("/model/") != path.npos &&
      std::ranges::any_of(kBedrockTails, [&](std::string_view tail) { return ends_in(path, tail); }))
    return kBedrock;
  if (ends_in(path, "/v2/chat") || ends_in(path, "/v2/embed") || ends_in(path, "/v1/rerank")) return kCohere;
  const Vocabulary* found = vocabulary_of(path);
  return found == nullptr ? kOpenai : *found;
}

// Cloudflare Workers AI: /accounts/{id}/ai/run/{model}, in the shape of the model's task.
constexpr std::string_view kRun = "/ai/run/";

std::optional<Unreadable> walk_run(Body& body, Prompt& prompt) {
  return body.absent(body.top("messages")) ? walk_texts(body, prompt) : walk_chat(body, prompt);
}

std::expected<Prompt, Unreadable> read_run(const RequestLine& line, std::string_view body) {
  static constexpr Route kRoute = {"", "run", walk_run};
  auto prompt = is_bare_file(line) ? read_upload(line, body) : read_route(kRoute, body);
  if (prompt) prompt->model = line.path.substr(line.path.find(kRun) + kRun.size());
  return prompt;
}

std::expected<Prompt, Unreadable> read(const RequestLine& line, std::string_view body) {
  if (line.method == "POST" && line.path.find(kRun) != line.path.npos) return read_run(line, body);
  return words_of(line.path).read(line, body);
}
std::unique_ptr<AnswerReader> answer(const RequestLine& line, std::string_view content_type) {
  return words_of(line.path).answer(line, content_type);
}
std::string error_body(const Refusal& refusal) {
  return words_of(refusal.path).error_body(refusal);
}
std::string stream_error(const Refusal& refusal, std::string_view content_type) {
  return words_of(refusal.path).stream_error(refusal, content_type);
}
ErrorField error_field(const Refusal& refusal) {
  const auto field = words_of(refusal.path).error_field;
  return field == nullptr ? ErrorField{} : field(refusal);
}

}  // namespace

const Vocabulary* vocabulary_of(std::string_view path) {
  // Threads of assistants end like Anthropic's path: /v1/threads/{id}/messages.
  if (path.find("/threads/") != path.npos) return &kOpenai;
  const auto found = std::ranges::find_if(kTails, [&](const Tail& t) { return ends_in(path, t.tail); });
  return found == kTails.end() ? nullptr : found->words;
}

const Vocabulary kGateway = {"gateway", read, answer, error_body, stream_error, error_field};

}  // namespace warden::provider
