// SPDX-License-Identifier: Apache-2.0
// The pieces that error bodies are made of, and the shapes that more than one dialect shows. Internal to
// tlsproxy/provider.
#pragma once

#include <string>

#include "tlsproxy/provider/dialect.h"

namespace warden::provider {

std::string quoted(std::string_view text);                            // a JSON string
std::string sse_event(std::string_view name, std::string_view data);  // `name` empty: an unnamed event

std::string openai_error_body(const Refusal& refusal);
std::string openai_stream_error(const Refusal& refusal, std::string_view content_type);
std::string anthropic_error_body(const Refusal& refusal);
std::string anthropic_stream_error(const Refusal& refusal, std::string_view content_type);
std::string openai_error_type(int status);  // "invalid_request_error"

}  // namespace warden::provider
