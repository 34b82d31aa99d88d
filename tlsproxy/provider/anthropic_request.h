// SPDX-License-Identifier: Apache-2.0
// Requests of the Anthropic API (docs.anthropic.com/en/api): messages, count_tokens; and the calls known to
// carry no prompt.
#pragma once

#include <expected>

#include "tlsproxy/provider/dialect.h"

namespace warden::provider {

std::expected<Prompt, Unreadable> read_anthropic(const RequestLine& line, std::string_view body);

}  // namespace warden::provider
