// SPDX-License-Identifier: Apache-2.0
// Spawning a worker: the same binary again, in the workers' cgroup, without privileges, holding its listeners, its files
// for large bodies and its end of a socket pair.
#pragma once

#include <sys/types.h>

#include <span>
#include <string>

#include "agent/app/config.h"
#include "agent/base/fd.h"
#include "agent/base/result.h"
#include "tlsproxy/intercept/listener.h"

namespace warden::app {

enum class SpawnError { no_socket, no_process, no_cgroup };

struct Spawned {
  pid_t pid = -1;
  Fd link, passage;  // the supervisor's ends
};

// `cgroup`: directory of the workers' cgroup; the child enters it before it gives up its uid.
Result<Spawned, SpawnError> spawn_worker(const WorkerAccount& account, const std::string& cgroup,
                                         intercept::ListenerPair listeners, std::span<const Fd> spool_files);

// The cgroup that the kernel half exempts from interception, below the supervisor's own; made when missing.
Result<std::string, SpawnError> workers_cgroup(const std::string& cgroup2_root, const std::string& instance);

}  // namespace warden::app
