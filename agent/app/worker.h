// SPDX-License-Identifier: Apache-2.0
// Worker: a proxy process of one thread that parses hostile bytes and holds no capability, key or log. It gets its listeners and
// its link to the supervisor as descriptors and everything else by message; it can open nothing once it serves.
#pragma once

#include <vector>

namespace warden::app {

struct WorkerDescriptors {
  int link = -1;
  int listener_v4 = -1;
  int listener_v6 = -1;  // -1: none
  int supervisor_pid = 0;
  int passage = -1;
  std::vector<int> spool_files = {};  // empty, for large bodies
};

// The process's whole life; returns its exit status.
int run_worker(const WorkerDescriptors& descriptors);

}  // namespace warden::app
