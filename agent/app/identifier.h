// SPDX-License-Identifier: Apache-2.0
// Identifier: whose a connection is, told once all of it is known: the digest of its executable, and its pod. What takes too long
// is told as unresolved. Control thread only; bounded, and over the bound nobody waits.
#pragma once

#include <chrono>
#include <functional>
#include <list>

#include "agent/attribution/resolver.h"
#include "agent/kernel/guard.h"

namespace warden::app {

class Identifier {
 public:
  using Identified = std::function<void(attribution::Identity)>;
  Identifier(attribution::Resolver& resolver, std::chrono::milliseconds pod_patience) : resolver_(resolver), pod_patience_(pod_patience) {}

  // Calls `done` when digests and pod are known, or have taken too long. `worker`: who asks; 0: nobody.
  void identify(uint64_t worker, const kernel::Flow& flow, Identified done);
  // Every beat, and when there is news.
  void catch_up();
  // Answers now what would have waited, because this program is about to be replaced.
  void wait_no_longer();
  // Nobody is there any more to be answered.
  void forget(uint64_t worker);

 private:
  struct Waiting {
    uint64_t worker = 0;
    std::chrono::steady_clock::time_point digest_until, pod_until;
    attribution::Resolver::Resolved resolved;
    Identified done;
  };
  static void finish(std::list<Waiting> finished);

  attribution::Resolver& resolver_;
  std::list<Waiting> waiting_;
  std::chrono::milliseconds pod_patience_;
};

}  // namespace warden::app
