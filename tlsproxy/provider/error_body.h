// SPDX-License-Identifier: Apache-2.0
// Refusals in the providers' own error shapes, with the type words that make each SDK raise its own class.
#pragma once

#include <string>

#include "tlsproxy/provider/dialect.h"

namespace warden::provider {

std::string openai_error_body(const Refusal& refusal);
std::string anthropic_error_body(const Refusal& refusal);

}  // namespace warden::provider
