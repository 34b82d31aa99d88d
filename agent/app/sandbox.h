// SPDX-License-Identifier: Apache-2.0
// Sandbox: what a worker gives up, in two steps. Between fork and exec: its uid, groups and every capability. After it has loaded
// what it needs: nearly all system calls (seccomp, an allow list), among them everything that opens a path.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "agent/base/result.h"

namespace warden::app {

enum class SandboxError { uid, capabilities, seccomp, orphaned };

// In the child, before exec. Only async-signal-safe calls.
bool drop_privileges(uid_t uid, gid_t gid);

// After exec: die with the supervisor. Refuses when it is already gone.
Result<void, SandboxError> bind_to_parent(pid_t supervisor);

// A worker gone astray must not fill the disk by the files it holds: none may grow beyond this.
void bound_file_size(uint64_t bytes);

// For the rest of the process's life.
Result<void, SandboxError> enter_sandbox();

}  // namespace warden::app
