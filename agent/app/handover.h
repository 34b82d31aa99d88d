// SPDX-License-Identifier: Apache-2.0
// Handover: what a supervisor leaves to the program that it becomes by execve: its workers, with the descriptors that lead to
// them, what it knows of their connections, and the network namespaces that they serve. Kept in a memfd, which the new program
// reads once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/base/address.h"
#include "agent/base/fd.h"
#include "agent/base/result.h"
#include "agent/kernel/guard.h"

namespace warden::app {

struct HeldWorker {
  uint64_t number = 0;
  int32_t pid = -1;
  int32_t link = -1, passage = -1;  // descriptors
  std::string unread;               // of the link
  int64_t drain_until_ns = 0;       // CLOCK_MONOTONIC; 0: was not told to drain
  void fields(auto&& field) { field(number), field(pid), field(link), field(passage), field(unread), field(drain_until_ns); }
};

struct HeldProcess : kernel::ProcessFacts {
  void fields(auto&& field) {
    field(tgid), field(tid), field(ppid), field(start_boottime_ns), field(parent_start_boottime_ns);
    field(uid), field(gid), field(euid), field(loginuid), field(session), field(cgroup_id);
    field(netns_cookie), field(exe_inode), field(exe_device), field(comm), field(cgroup_names);
  }
};

struct HeldFlow {
  uint64_t number = 0, worker = 0;
  Endpoint original;
  uint64_t netns = 0;
  std::string identity;  // attribution::serialise; of an unknown address empty until somebody asked
  std::vector<std::string> exchanges;
  bool unknown = false, passed = false;  // GrantedFlow
  uint64_t socket_cookie = 0, connect_boot_ns = 0;  // of an unknown address, as its process
  HeldProcess process = {};
  void fields(auto&& field) {
    field(number), field(worker), field(original), field(netns), field(identity), field(exchanges);
    field(unknown), field(passed), field(socket_cookie), field(connect_boot_ns), field(process);
  }
};

// A network namespace that is served; its listeners are with the workers.
struct HeldNamespace {
  uint64_t cookie = 0;
  int32_t netns = -1;                  // descriptor
  int32_t hold_v4 = -1, hold_v6 = -1;  // descriptors of what keeps the listeners' port; -1: none
  void fields(auto&& field) { field(cookie), field(netns), field(hold_v4), field(hold_v6); }
};

struct Handover {
  // What both programs must agree on: the messages of the link, and the records within them. Stands first.
  std::string contract;
  uint64_t next_worker = 1, next_flow = 1;
  uint16_t port = 0;  // of the workers' listeners
  std::vector<HeldWorker> workers;
  std::vector<HeldFlow> flows;
  std::vector<HeldNamespace> namespaces;
  uint64_t last_serving = 0;  // the highest number by which the workers know listeners
  void fields(auto&& field) {
    field(contract), field(next_worker), field(next_flow), field(port), field(workers), field(flows), field(namespaces), field(last_serving);
  }
};

enum class HandoverError { no_memory, unreadable, other_contract };

// The file survives execve.
Result<Fd, HandoverError> store(const Handover& handover);
Result<Handover, HandoverError> load(int fd, const std::string& contract);

// The descriptors above standard error, but for `except`: at the start of the new program those that were left to it. None of
// them survives another execve.
std::vector<Fd> inherited_descriptors(int except);

}  // namespace warden::app
