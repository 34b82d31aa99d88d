// SPDX-License-Identifier: Apache-2.0
// Commands that ask the running agent: status, observe. Each returns the exit code: 0 ok, 1 the
// answer is no (status: the agent is not ready or cannot record), 2 wrong use or no agent.
#pragma once

#include <string>

namespace warden::cli {

inline constexpr const char* kAgentConfigPath = "/etc/egresswarden/agent.yaml";

struct StatusOptions {
  std::string config = kAgentConfigPath;
  bool json = false;
};
int run_status(const StatusOptions& options);

struct ObserveOptions {
  std::string config = kAgentConfigPath;
  std::string user, process, provider, verdict;
  std::string since;  // 30s, 5m, 2h: how far back
  bool follow = false;
  bool json = false;
};
int run_observe(const ObserveOptions& options);

}  // namespace warden::cli
