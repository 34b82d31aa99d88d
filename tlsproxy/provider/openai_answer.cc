// SPDX-License-Identifier: Apache-2.0
// Answers of the OpenAI API. Chat and text completions: chunks that end with [DONE], usage in the last chunk
// when stream_options.include_usage asked for it. Responses: typed events, usage in the one that ends the
// response.
#include "tlsproxy/provider/answer_reader.h"

namespace warden::provider {
namespace {

class OpenaiAnswer final : public JsonAnswerReader {
 public:
  using JsonAnswerReader::JsonAnswerReader;

 private:
  void on_event(const Body& event) override {
    const std::string type = event.text(0, "type");
    if (type.starts_with("response.")) {
      const size_t response = event.member(0, "response");
      if (response == Body::kNone) return;
      const bool ends =
          type == "response.completed" || type == "response.failed" || type == "response.incomplete";
      take(event, response, ends);
      usage_.terminal |= ends;
    } else if (type == "error" || event.text(0, "object") == "error" ||
               !event.absent(event.member(0, "error"))) {
      add_finish("error");
    } else {
      take(event, 0, true);
    }
  }

  void on_word(std::string_view word) override { usage_.terminal |= word == "[DONE]"; }
  void on_document(const Body& document) override { take(document, 0, true); }

  void take(const Body& json, size_t object, bool with_finish) {
    take_model(json, json.member(object, "model"));
    if (with_finish) {
      // A response says how it ended by its status; a chat says it choice by choice.
      if (json.text(object, "object") == "response") take_finish(json, json.member(object, "status"));
      json.each(json.member(object, "choices"),
                [&](size_t choice) { take_finish(json, json.member(choice, "finish_reason")); });
    }
    const size_t counts = json.member(object, "usage");
    take_count(json, counts, "prompt_tokens", usage_.tokens_in);
    take_count(json, counts, "input_tokens", usage_.tokens_in);
    take_count(json, counts, "completion_tokens", usage_.tokens_out);
    take_count(json, counts, "output_tokens", usage_.tokens_out);
    take_count(json, json.member(counts, "prompt_tokens_details"), "cached_tokens", usage_.tokens_cached);
    take_count(json, json.member(counts, "input_tokens_details"), "cached_tokens", usage_.tokens_cached);
  }
};

}  // namespace

std::unique_ptr<AnswerReader> openai_answer(const RequestLine&, std::string_view content_type) {
  return std::make_unique<OpenaiAnswer>(content_type);
}

}  // namespace warden::provider
