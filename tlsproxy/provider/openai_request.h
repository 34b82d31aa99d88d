// SPDX-License-Identifier: Apache-2.0
// Requests of the OpenAI API (platform.openai.com/docs/api-reference): chat completions, completions,
// responses, embeddings, moderations; and the calls known to carry no prompt.
#pragma once

#include <expected>

#include "tlsproxy/provider/dialect.h"

namespace warden::provider {

std::expected<Prompt, Unreadable> read_openai(const RequestLine& line, std::string_view body);

}  // namespace warden::provider
