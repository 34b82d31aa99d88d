// SPDX-License-Identifier: Apache-2.0
// `egresswarden trust list|inject|remove|explain`: the host's trust stores, changed and undone in this
// process: no agent is asked, and none is needed. Never makes an authority: that is the agent's. Returns 0
// ok, 1 the answer is no, 2 wrong use or environment.
#pragma once

#include <string>
#include <vector>

#include "agent/cli/live.h"

namespace warden::cli {

struct TrustOptions {
  std::string config = kAgentConfigPath;
  std::string action;  // list, inject, remove, explain
  int pid = 0;         // explain
  bool json = false;
};
int run_trust(const TrustOptions& options);

// The roots that the authority in this folder goes by: root.pem and N/root.pem. Empty: none was made yet.
std::vector<std::string> root_paths_below(const std::string& ca_dir);

}  // namespace warden::cli
