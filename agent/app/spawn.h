// SPDX-License-Identifier: Apache-2.0
// Spawning a worker: the same binary again, in the workers' cgroup, without privileges, holding its listeners and its end of a
// socket pair.
#pragma once

#include <sys/types.h>

#include <string>

#include "agent/base/fd.h"
#include "agent/base/result.h"
#include "tlsproxy/intercept/listener.h"

namespace warden::app {

enum class SpawnError { no_socket, no_process, no_user, no_cgroup };

struct WorkerAccount {
  uid_t uid = 0;
  gid_t gid = 0;
};

// A name from the user database, or a number (then gid = uid).
Result<WorkerAccount, SpawnError> find_account(const std::string& user);

struct Spawned {
  pid_t pid = -1;
  Fd link;  // the supervisor's end
};

// `cgroup`: directory of the workers' cgroup; the child enters it before it gives up its uid.
Result<Spawned, SpawnError> spawn_worker(const WorkerAccount& account, const std::string& cgroup,
                                         intercept::ListenerPair listeners);

// The cgroup that the kernel half exempts from interception, below the supervisor's own; made when missing.
Result<std::string, SpawnError> workers_cgroup(const std::string& cgroup2_root, const std::string& instance);

}  // namespace warden::app
