// SPDX-License-Identifier: Apache-2.0
// Answers of the Anthropic API. A stream tells the input's count in message_start, the output's in
// message_delta (as a running total), and ends with message_stop.
#include "tlsproxy/provider/answer_reader.h"

namespace warden::provider {
namespace {

class AnthropicAnswer final : public JsonAnswerReader {
 public:
  using JsonAnswerReader::JsonAnswerReader;

 private:
  void on_event(const Body& event) override {
    const std::string type = event.text(0, "type");
    if (type == "message_start") {
      take_message(event, event.member(0, "message"));
    } else if (type == "message_delta") {
      take_finish(event, event.member(event.member(0, "delta"), "stop_reason"));
      take_counts(event, event.member(0, "usage"));
    } else if (type == "message_stop") {
      usage_.terminal = true;
    } else if (type == "error") {
      add_finish("error");
    }
  }

  void on_document(const Body& document) override { take_message(document, 0); }

  void take_message(const Body& json, size_t message) {
    take_model(json, json.member(message, "model"));
    take_finish(json, json.member(message, "stop_reason"));
    take_counts(json, json.member(message, "usage"));
    // count_tokens answers with the bare number
    take_count(json, message, "input_tokens", usage_.tokens_in);
  }

  void take_counts(const Body& json, size_t counts) {
    take_count(json, counts, "input_tokens", usage_.tokens_in);
    take_count(json, counts, "output_tokens", usage_.tokens_out);
    take_count(json, counts, "cache_read_input_tokens", usage_.tokens_cached);
  }
};

}  // namespace

std::unique_ptr<AnswerReader> anthropic_answer(const RequestLine&, std::string_view content_type) {
  return std::make_unique<AnthropicAnswer>(content_type);
}

}  // namespace warden::provider
