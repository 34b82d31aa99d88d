// SPDX-License-Identifier: Apache-2.0
// `egresswarden down`: takes the guard off this host: kernel programs and pins, the workers' cgroup, trust,
// what lies in run_dir. The log stays, unless it is told to purge. Says of each what it did; again, it finds
// nothing to do. 0: nothing is left; 1: something is, named with the reason; 2: wrong use, or an agent runs.
#pragma once

#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/cli/live.h"

namespace warden::cli {

struct DownOptions {
  std::string config = kAgentConfigPath;
  bool force = false;  // even while an agent runs
  bool purge = false;  // the log, the keys and the authority too; never while an agent runs
  bool json = false;
};
int run_down(const DownOptions& options);

// The folders of that name below `root`, a few levels deep: the agent's own cgroup is not known when it is
// gone.
std::vector<std::string> folders_named(const std::string& root, const std::string& name);

enum class PurgeError { not_ours, cannot_remove };
// Removes what an agent keeps below state_dir, then the folder. A folder with none of it is not ours and
// stays; so does what somebody else put there.
Result<void, PurgeError> purge_state(const std::string& state_dir, const std::string& ca_dir);

}  // namespace warden::cli
