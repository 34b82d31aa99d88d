// SPDX-License-Identifier: Apache-2.0
// Who holds a socket now, by /proc: for sockets that no hook saw being made or connected. It is the first process
// found with the socket open, which need not be the one that connected it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>

#include "agent/kernel/guard.h"

namespace warden::attribution {

// Of these inodes, those that somebody holds. Any user can have many descriptors: who calls from a thread that must not stop
// looks at no more than `descriptors_max` of them, and may not find the owner.
std::map<uint64_t, kernel::ProcessFacts> owners_of_sockets(const std::set<uint64_t>& inodes, size_t descriptors_max = SIZE_MAX);

// What the kernel's hooks would have read of a process, as far as /proc tells. nullopt: it is gone.
std::optional<kernel::ProcessFacts> facts_of(int32_t pid);

}  // namespace warden::attribution
