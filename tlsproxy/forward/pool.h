// SPDX-License-Identifier: Apache-2.0
// Pool: idle provider connections of one worker, by key. The key holds everything that makes two connections
// interchangeable: network namespace, uid, credential fingerprint, destination and host (performance.md). Bounded in count
// and age; a connection that became readable while idle (closed, or data nobody asked for) is thrown away.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>

#include "tlsproxy/tls/stream.h"

namespace warden::forward {

class Pool {
 public:
  struct Limits {
    size_t per_key_max = 16;
    size_t total_max = 1024;
    // Servers close idle connections after as little as five seconds, and a request that crosses such a close is lost.
    std::chrono::seconds idle_max{4};
  };
  Pool() : Pool(Limits()) {}
  explicit Pool(Limits limits) : limits_(limits) {}

  std::optional<tls::Stream> take(const std::string& key);
  void put(const std::string& key, tls::Stream stream);
  void expire();  // call now and then
  [[nodiscard]] size_t size() const { return size_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Idle {
    tls::Stream stream;
    Clock::time_point since;
  };
  Limits limits_;
  std::unordered_map<std::string, std::deque<Idle>> idle_;
  size_t size_ = 0;
};

// True: an idle connection can carry another request (nothing to read, not closed).
bool is_quiet(tls::Stream& stream);

}  // namespace warden::forward
