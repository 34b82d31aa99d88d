// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/provider/dialect.h"

#include "tlsproxy/provider/answer_reader.h"
#include "tlsproxy/provider/anthropic_request.h"
#include "tlsproxy/provider/error_body.h"
#include "tlsproxy/provider/openai_request.h"

namespace warden::provider {
namespace {

class Openai final : public Dialect {
 public:
  std::string_view name() const override { return "openai"; }
  std::expected<Prompt, Unreadable> read(const RequestLine& line, std::string_view body) const override {
    return read_openai(line, body);
  }
  std::unique_ptr<AnswerReader> answer(const RequestLine&, int,
                                       std::string_view content_type) const override {
    return openai_answer(content_type);
  }
  std::string error_body(const Refusal& refusal) const override { return openai_error_body(refusal); }
};

class Anthropic final : public Dialect {
 public:
  std::string_view name() const override { return "anthropic"; }
  std::expected<Prompt, Unreadable> read(const RequestLine& line, std::string_view body) const override {
    return read_anthropic(line, body);
  }
  std::unique_ptr<AnswerReader> answer(const RequestLine&, int,
                                       std::string_view content_type) const override {
    return anthropic_answer(content_type);
  }
  std::string error_body(const Refusal& refusal) const override { return anthropic_error_body(refusal); }
};

}  // namespace

const Dialect* find_dialect(std::string_view name) {
  static const Openai kOpenai;
  static const Anthropic kAnthropic;
  if (name == kOpenai.name()) return &kOpenai;
  return name == kAnthropic.name() ? &kAnthropic : nullptr;
}

}  // namespace warden::provider
