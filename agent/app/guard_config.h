// SPDX-License-Identifier: Apache-2.0
// What the configuration asks of the kernel half.
#pragma once

#include <cstdint>
#include <string>

#include "agent/app/config.h"
#include "agent/kernel/guard.h"

namespace warden::app {

kernel::GuardConfig guard_config(const AgentConfig& config, const std::string& cgroup, uint64_t exempt_cgroup);

}  // namespace warden::app
