// SPDX-License-Identifier: Apache-2.0
// Requests of the Gemini API and Vertex AI (ai.google.dev/api,
// cloud.google.com/vertex-ai/generative-ai/docs/reference). Internal to tlsproxy/provider.
#pragma once

#include <expected>
#include <optional>

#include "tlsproxy/provider/body.h"
#include "tlsproxy/provider/dialect.h"

namespace warden::provider {

std::expected<Prompt, Unreadable> read_gemini(const RequestLine& line, std::string_view body);

// {contents, systemInstruction, tools, generationConfig} below body.root().
std::optional<Unreadable> walk_contents(Body& body, Prompt& prompt);

}  // namespace warden::provider
