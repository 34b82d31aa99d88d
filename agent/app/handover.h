// SPDX-License-Identifier: Apache-2.0
// Handover: what a supervisor leaves to the program that it becomes by execve: its workers, with the descriptors that lead to
// them, and what it knows of their connections. Kept in a memfd, which the new program reads once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/base/address.h"
#include "agent/base/fd.h"
#include "agent/base/result.h"

namespace warden::app {

struct HeldWorker {
  uint64_t number = 0;
  int32_t pid = -1;
  int32_t link = -1, passage = -1;  // descriptors
  std::string unread;               // of the link
  int64_t drain_until_ns = 0;       // CLOCK_MONOTONIC; 0: was not told to drain
  void fields(auto&& field) { field(number), field(pid), field(link), field(passage), field(unread), field(drain_until_ns); }
};

struct HeldFlow {
  uint64_t number = 0, worker = 0;
  Endpoint original;
  uint64_t netns = 0;
  std::string identity;  // attribution::serialise
  std::vector<std::string> exchanges;
  void fields(auto&& field) { field(number), field(worker), field(original), field(netns), field(identity), field(exchanges); }
};

struct Handover {
  // What both programs must agree on: the messages of the link, and the records within them. Stands first.
  std::string contract;
  uint64_t next_worker = 1, next_flow = 1;
  uint16_t port = 0;  // of the workers' listeners
  std::vector<HeldWorker> workers;
  std::vector<HeldFlow> flows;
  std::vector<uint64_t> namespaces;  // that are served
  void fields(auto&& field) {
    field(contract), field(next_worker), field(next_flow), field(port), field(workers), field(flows), field(namespaces);
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
