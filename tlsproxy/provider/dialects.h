// SPDX-License-Identifier: Apache-2.0
// Vocabulary: what one dialect's file gives to the registry. Internal to tlsproxy/provider.
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tlsproxy/provider/dialect.h"

namespace warden::provider {

struct Vocabulary {
  std::string_view name;
  std::expected<Prompt, Unreadable> (*read)(const RequestLine& line, std::string_view body);
  std::unique_ptr<AnswerReader> (*answer)(const RequestLine& line, std::string_view content_type);
  std::string (*error_body)(const Refusal& refusal);
  std::string (*stream_error)(const Refusal& refusal, std::string_view content_type);
  ErrorField (*error_field)(const Refusal& refusal) = nullptr;
};

extern const Vocabulary kOpenai, kAnthropic, kGemini, kBedrock, kAzure, kDatabricks, kCohere, kMistral,
    kOllama, kHuggingface, kReplicate, kWatsonx, kMcp, kCodingAgent, kGateway;

// The vocabulary of the API whose paths these are, for fronts that carry several ("/anthropic/v1/messages"):
// by the path's tail alone. nullptr: none of those that can be told so.
const Vocabulary* vocabulary_of(std::string_view path);

}  // namespace warden::provider
