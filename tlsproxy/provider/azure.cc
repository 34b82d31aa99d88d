// SPDX-License-Identifier: Apache-2.0
// Azure OpenAI and Azure AI Foundry (learn.microsoft.com/azure/ai-services/openai/reference): OpenAI's bodies
// under /openai/deployments/{deployment}/ (the deployment is the model), /openai/v1/ and /models/;
// Anthropic's under /anthropic/.
#include "tlsproxy/provider/answer_reader.h"
#include "tlsproxy/provider/dialects.h"
#include "tlsproxy/provider/error_body.h"
#include "tlsproxy/provider/openai_request.h"

namespace warden::provider {
namespace {

const Vocabulary& words_of(std::string_view path) {
  return path.find("/anthropic/") == path.npos ? kOpenai : kAnthropic;
}

// The same hosts serve speech, translation and the rest of Azure's AI services.
bool is_llm(std::string_view path) {
  return path.starts_with("/openai/") || path.starts_with("/models/") || path.starts_with("/anthropic/") ||
         path.starts_with("/v1/") || path.starts_with("/providers/");
}

std::expected<Prompt, Unreadable> read_azure(const RequestLine& line, std::string_view body) {
  if (!is_llm(line.path)) return std::unexpected(Unreadable::unknown_path);
  return words_of(line.path).read(line, body);
}

std::unique_ptr<AnswerReader> azure_answer(const RequestLine& line, std::string_view content_type) {
  return words_of(line.path).answer(line, content_type);
}

std::string azure_error_body(const Refusal& refusal) {
  return words_of(refusal.path).error_body(refusal);
}

std::string azure_stream_error(const Refusal& refusal, std::string_view content_type) {
  return words_of(refusal.path).stream_error(refusal, content_type);
}

}  // namespace

const Vocabulary kAzure = {"azure-openai", read_azure, azure_answer, azure_error_body, azure_stream_error};

}  // namespace warden::provider
