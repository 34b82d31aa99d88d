// SPDX-License-Identifier: Apache-2.0
// `egresswarden down`: takes the guard off this host: trust, then kernel programs and pins, then a cgroup of
// our own. Works with and without a running agent; the log stays. 0: nothing is left; 1: something is.
#pragma once

#include <string>

#include "agent/cli/live.h"

namespace warden::cli {

struct DownOptions {
  std::string config = kAgentConfigPath;
  bool force = false;  // even while an agent runs
  bool purge = false;  // the log, the keys and the authority too
  bool json = false;
};
int run_down(const DownOptions& options);

}  // namespace warden::cli
