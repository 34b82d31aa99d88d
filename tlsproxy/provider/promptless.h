// SPDX-License-Identifier: Apache-2.0
// Calls known to carry no prompt: reading or deleting one of the API's resources, with an empty body.
#pragma once

#include <expected>
#include <span>
#include <string_view>

#include "tlsproxy/provider/dialect.h"

namespace warden::provider {

// The operation is the first path segment found in `resources` (a list with static storage); a body makes it
// unknown_shape.
std::expected<Prompt, Unreadable> read_promptless(const RequestLine& line, std::string_view body,
                                                  std::span<const std::string_view> resources);

// The first path segment found in `resources`, as it stands there; empty when none is.
std::string_view resource_of(std::string_view path, std::span<const std::string_view> resources);

}  // namespace warden::provider
