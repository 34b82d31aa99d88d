// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/provider/dialect.h"

#include <algorithm>
#include <array>

#include "tlsproxy/provider/dialects.h"

namespace warden::provider {
namespace {

class Spoken final : public Dialect {
 public:
  explicit constexpr Spoken(const Vocabulary& words) : words_(words) {}
  std::string_view name() const override { return words_.name; }
  std::expected<Prompt, Unreadable> read(const RequestLine& line, std::string_view body) const override {
    return words_.read(line, body);
  }
  std::unique_ptr<AnswerReader> answer(const RequestLine& line, int,
                                       std::string_view content_type) const override {
    return words_.answer(line, content_type);
  }
  std::string error_body(const Refusal& refusal) const override { return words_.error_body(refusal); }
  ErrorField error_field(const Refusal& refusal) const override {
    return words_.error_field == nullptr ? ErrorField{} : words_.error_field(refusal);
  }
  std::string stream_error(const Refusal& refusal, std::string_view content_type) const override {
    return words_.stream_error(refusal, content_type);
  }

 private:
  const Vocabulary& words_;
};

const std::array kDialects = {Spoken(kOpenai), Spoken(kAnthropic),   Spoken(kGemini),    Spoken(kBedrock),
                              Spoken(kAzure),  Spoken(kDatabricks),  Spoken(kCohere),    Spoken(kMistral),
                              Spoken(kOllama), Spoken(kHuggingface), Spoken(kReplicate), Spoken(kWatsonx),
                              Spoken(kMcp),    Spoken(kCodingAgent), Spoken(kGateway)};

}  // namespace

const Dialect* find_dialect(std::string_view name) {
  const auto found = std::ranges::find(kDialects, name, &Dialect::name);
  return found == kDialects.end() ? nullptr : &*found;
}

std::span<const std::string_view> dialect_names() {
  static const auto kNames = [] {
    std::array<std::string_view, kDialects.size()> names;
    std::ranges::transform(kDialects, names.begin(), &Dialect::name);
    return names;
  }();
  return kNames;
}

bool body_is_signed(std::string_view authorization, std::string_view query) {
  return authorization.starts_with("AWS4-") || query.find("X-Amz-Signature=") != query.npos;
}

void seal(Prompt& prompt) {
  for (Part& part : prompt.parts) part.editable = false;
}

}  // namespace warden::provider
