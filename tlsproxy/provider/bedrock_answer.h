// SPDX-License-Identifier: Apache-2.0
// Answers and errors of Amazon Bedrock's runtime. Internal to tlsproxy/provider.
#pragma once

#include <memory>
#include <string>

#include "tlsproxy/provider/dialect.h"

namespace warden::provider {

std::unique_ptr<AnswerReader> bedrock_answer(const RequestLine& line, std::string_view content_type);
std::string bedrock_error_body(const Refusal& refusal);
ErrorField bedrock_error_field(const Refusal& refusal);
std::string bedrock_stream_error(const Refusal& refusal, std::string_view content_type);

}  // namespace warden::provider
