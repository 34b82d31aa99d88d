// SPDX-License-Identifier: Apache-2.0
// Requests of the Anthropic API (docs.anthropic.com/en/api): messages, token counts, batches, files,
// completions; and the calls known to carry no prompt. Internal to tlsproxy/provider.
#pragma once

#include <expected>
#include <optional>

#include "tlsproxy/provider/body.h"
#include "tlsproxy/provider/dialect.h"

namespace warden::provider {

std::expected<Prompt, Unreadable> read_anthropic(const RequestLine& line, std::string_view body);

// {messages, system, tools} below body.root(); other clouds carry it without the model's name.
std::optional<Unreadable> walk_messages(Body& body, Prompt& prompt);

}  // namespace warden::provider
