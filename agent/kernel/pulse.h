// SPDX-License-Identifier: Apache-2.0
// Pulse: keeps the heartbeat of a guard that stands already, while the supervisor that owns it becomes another program and its
// workers go on serving. From a thread of its own, since starting blocks; and for a bounded time, since one that hangs is down.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "agent/base/fd.h"

namespace warden::kernel {

class Pulse {
 public:
  static constexpr auto kLongest = std::chrono::seconds(20);

  // Without pins in that folder it does nothing.
  explicit Pulse(const std::string& bpffs_dir, std::chrono::milliseconds longest = kLongest);
  ~Pulse();
  Pulse(const Pulse&) = delete;
  Pulse& operator=(const Pulse&) = delete;

 private:
  void run(std::chrono::milliseconds longest);

  Fd map_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace warden::kernel
