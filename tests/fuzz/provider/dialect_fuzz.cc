// SPDX-License-Identifier: Apache-2.0
// Hostile bodies for every dialect and operation: Parts lie in order inside the body; and hostile answers.
#include <array>
#include <cstdlib>

#include "tlsproxy/provider/dialect.h"

namespace {

using namespace warden::provider;

struct Call {
  std::string_view dialect, path;
};
constexpr std::array<Call, 44> kCalls = {{{"openai", "/v1/chat/completions"},
                                          {"openai", "/v1/responses"},
                                          {"openai", "/v1/embeddings"},
                                          {"openai", "/v1/moderations"},
                                          {"openai", "/v1/completions"},
                                          {"openai", "/v1/images/generations"},
                                          {"openai", "/v1/threads/t/messages"},
                                          {"openai", "/v1/files"},
                                          {"anthropic", "/v1/messages"},
                                          {"anthropic", "/v1/messages/batches"},
                                          {"anthropic", "/v1/complete"},
                                          {"gemini", "/v1beta/models/m:generateContent"},
                                          {"gemini", "/v1beta/models/m:batchEmbedContents"},
                                          {"gemini", "/v1beta/models/m:countTokens"},
                                          {"gemini", "/v1beta/models/m:batchGenerateContent"},
                                          {"gemini", "/v1/models/m:rawPredict"},
                                          {"gemini", "/v1/models/m:predict"},
                                          {"gemini", "/v1beta/interactions"},
                                          {"bedrock", "/model/m/converse"},
                                          {"bedrock", "/model/a%3Ab/invoke"},
                                          {"bedrock", "/model/m/count-tokens"},
                                          {"azure-openai", "/openai/deployments/d/chat/completions"},
                                          {"databricks", "/serving-endpoints/e/invocations"},
                                          {"cohere", "/v2/chat"},
                                          {"cohere", "/v2/embed"},
                                          {"cohere", "/v2/rerank"},
                                          {"mistral", "/v1/conversations"},
                                          {"mistral", "/v1/ocr"},
                                          {"mistral", "/v1/batch/jobs"},
                                          {"ollama", "/api/chat"},
                                          {"ollama", "/api/generate"},
                                          {"ollama", "/api/embed"},
                                          {"huggingface", "/generate"},
                                          {"huggingface", "/hf-inference/models/a/b"},
                                          {"huggingface", "/embed"},
                                          {"replicate", "/v1/models/a/b/predictions"},
                                          {"watsonx", "/ml/v1/text/chat"},
                                          {"watsonx", "/ml/v1/text/generation"},
                                          {"watsonx", "/ml/v1/text/embeddings"},
                                          {"mcp", "/mcp"},
                                          {"coding-agent", "/backend-api/conversation"},
                                          {"coding-agent", "/api/organizations/o/chat_conversations/c/completion"},
                                          {"gateway", "/v1/a/g/anthropic/v1/messages"},
                                          {"gateway", "/v1/files"}}};
constexpr std::array<std::string_view, 4> kAnswerTypes = {"application/json", "text/event-stream", "application/x-ndjson",
                                                          "application/vnd.amazon.eventstream"};

void read_request(const Dialect& dialect, const RequestLine& line, std::string_view body) {
  const auto prompt = dialect.read(line, body);
  if (!prompt) return;
  const char* last = body.data();
  for (const Part& part : prompt->parts) {
    if (part.raw.data() < last || part.raw.data() + part.raw.size() > body.data() + body.size()) std::abort();
    last = part.raw.data();
  }
}

void read_answer(const Dialect& dialect, const RequestLine& line, std::string_view type, std::string_view body) {
  const auto reader = dialect.answer(line, 200, type);
  reader->body(body.substr(0, body.size() / 2));
  reader->body(body.substr(body.size() / 2));
  (void)reader->finish();
}

}  // namespace

// Byte 0: the call; byte 1: form or JSON, and the answer's form.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 2, size - 2);
  const Call& call = kCalls[data[0] % kCalls.size()];
  const Dialect* dialect = find_dialect(call.dialect);
  if (dialect == nullptr) std::abort();
  const bool form = (data[1] & 4) != 0;
  const RequestLine line{"POST", call.path, "", form ? "multipart/form-data" : "application/json",
                         form ? "multipart/form-data; boundary=b" : "application/json"};
  read_request(*dialect, line, body);
  read_answer(*dialect, line, kAnswerTypes[data[1] & 3], body);
  return 0;
}
