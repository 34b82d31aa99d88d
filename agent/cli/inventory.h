// SPDX-License-Identifier: Apache-2.0
// `egresswarden inventory`: who talks to which LLM endpoint and how that is treated, what is not inspected first. From the running
// agent, or from its log where none runs or a time is given. 0 ok, 2 wrong use or environment.
#pragma once

#include <string>
#include <vector>

#include "agent/cli/live.h"

namespace warden::cli {

struct InventoryOptions {
  std::string config = kAgentConfigPath;
  std::string by;                    // process, user, unit, pod, container, provider; empty: each row as it is
  std::string since;                 // time or age; from the log then
  std::vector<std::string> captures;  // intercepted, refused, spliced, observed, tunnel; empty: all
  bool catalogue = false;            // known providers instead
  bool json = false;
};
int run_inventory(const InventoryOptions& options);

}  // namespace warden::cli
