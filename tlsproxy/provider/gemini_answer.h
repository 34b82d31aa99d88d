// SPDX-License-Identifier: Apache-2.0
// Answers and errors of the Gemini API and Vertex AI. Internal to tlsproxy/provider.
#pragma once

#include <memory>
#include <string>

#include "tlsproxy/provider/dialect.h"

namespace warden::provider {

std::unique_ptr<AnswerReader> gemini_answer(const RequestLine& line, std::string_view content_type);
std::string gemini_error_body(const Refusal& refusal);
std::string gemini_stream_error(const Refusal& refusal, std::string_view content_type);

}  // namespace warden::provider
