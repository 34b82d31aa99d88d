// SPDX-License-Identifier: Apache-2.0
// The agent's admin socket, <run_dir>/admin.sock: one JSON line asks, JSON lines answer until the agent
// closes.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "agent/base/result.h"

namespace warden::cli {

enum class AdminError { config, not_running, lost };

// `each` sees every line without its newline; false ends the conversation.
Result<void, AdminError> ask_agent(const std::string& config_path, std::string_view question,
                                   const std::function<bool(std::string_view)>& each);

// Does an agent listen there?
bool agent_runs(const std::string& run_dir);

}  // namespace warden::cli
