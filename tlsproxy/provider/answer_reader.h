// SPDX-License-Identifier: Apache-2.0
// What the answer readers of all dialects share: server-sent events or JSON lines one by one, or a JSON
// document kept up to a bound (a larger one passes all the same, its usage is then unknown). Internal to
// tlsproxy/provider.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "tlsproxy/http/sse.h"
#include "tlsproxy/provider/body.h"
#include "tlsproxy/provider/dialect.h"

namespace warden::provider {

class JsonAnswerReader : public AnswerReader {
 public:
  explicit JsonAnswerReader(std::string_view content_type);
  void body(std::string_view decoded) final;
  Usage finish() final;

 protected:
  virtual void on_event(const Body& event) = 0;  // one event's data, an object; a line of JSON lines likewise
  virtual void on_word(std::string_view) {}      // an event whose data is no JSON object, such as [DONE]
  virtual void on_document(const Body& document) = 0;  // whole; an object or an array
  [[nodiscard]] std::string_view event_name() const {
    return event_name_;
  }  // of server-sent events; may be empty

  void take_model(const Body& json, size_t node);
  void take_finish(const Body& json, size_t node);
  void add_finish(std::string reason);  // bounded
  static void take_count(const Body& json, size_t object, std::string_view name,
                         std::optional<int64_t>& count);
  Usage usage_;

 private:
  enum class Form : uint8_t { events, lines, document };
  static Form form_of(std::string_view content_type);
  void event(std::string_view name, std::string_view data);
  void lines(std::string_view bytes);

  Form form_;
  bool too_large_ = false;  // the document, or the line that is being read
  http::SseReader sse_;
  std::string_view event_name_;
  std::string document_;  // or a line that began in earlier bytes
  Body json_;
};

// An answer that says nothing of usage.
std::unique_ptr<AnswerReader> silent_answer();
std::unique_ptr<AnswerReader> openai_answer(const RequestLine& line, std::string_view content_type);
std::unique_ptr<AnswerReader> anthropic_answer(const RequestLine& line, std::string_view content_type);

}  // namespace warden::provider
