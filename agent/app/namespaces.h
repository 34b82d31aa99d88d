// SPDX-License-Identifier: Apache-2.0
// Namespaces: the network namespaces, other than the host's, in which guarded processes live. Each gets listeners of its own on
// its loopback, since a connection cannot be redirected from one namespace into another; and the provider leg is dialled from
// within it, so that its routes, its address and its network policy still apply.
//
// A namespace is served from the first exec or fork that is seen there, and at the latest from its first refused connect; until
// then the kernel refuses its LLM connections. It is given up when no process lives in it any more: our sockets would otherwise
// keep it alive for ever. Control thread only.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "agent/app/handover.h"
#include "agent/app/metrics.h"
#include "agent/app/namespace_share.h"
#include "agent/app/port_hold.h"
#include "agent/app/workers.h"
#include "agent/base/fd.h"
#include "agent/kernel/guard.h"
#include "agent/kernel/netns.h"
#include "agent/kernel/sockets.h"

namespace warden::app {

class Namespaces {
 public:
  static constexpr size_t kPerBeat = 40;  // opened between two heartbeats: some tens of milliseconds

  Namespaces(kernel::Guard& guard, Workers& workers, Metrics& metrics);

  // Serves the namespace of a guarded process, if it is not the host's and not served yet.
  void seen(const kernel::ProcessFacts& process);
  // Every beat: takes up what there was no time for. Any user can make hundreds of namespaces at once, and while they are opened
  // nothing else is done here, the heartbeat included; their connections are refused until it is their turn.
  void catch_up();
  // Once, at start: where processes below `guarded` live already, and what an earlier agent served that somebody still lives in
  // or that is mounted. Of what cannot be found again the kernel refuses the connections until a guarded process is seen there.
  void scan(const std::string& cgroup2_root, const std::string& guarded);
  // Gives a new worker its listeners.
  void serve(uint64_t worker);
  // At the end: the kernel refuses their LLM connections from now on.
  void close();
  // Gives up namespaces without processes. Every few seconds.
  void sweep();
  // To the program that this one becomes. Nothing is served by this object afterwards.
  void hand_over(Handover& handover);
  // What was served before is served on, whether or not anybody lives there now: the kernel sends new connections to listeners
  // of the new workers, and the earlier ones take what is on its way. Before scan().
  void take_over(const Handover& handover);
  // A TCP socket in the namespace, without address; none when it is not served or the kernel has none to give.
  [[nodiscard]] Fd socket(uint64_t cookie, bool v6) const;

  // To ask about sockets there; -1 when it is not served.
  [[nodiscard]] int diag(uint64_t cookie) const;
  [[nodiscard]] bool is_own(uint64_t cookie) const { return cookie == own_cookie_ || cookie == 0; }
  [[nodiscard]] size_t size() const { return served_.size(); }

 private:
  using Clock = std::chrono::steady_clock;
  struct Served {
    kernel::Netns netns;
    uint16_t port = 0;
    PortHold hold;
    Clock::time_point used{};  // when a process of it was last seen
    uint64_t number = 0;       // of this serving: listeners go by it, since a namespace may be given up and served again
    Fd diag;                   // kernel::open_diag() within
    uint32_t owner = 0;        // whose share it is of
  };
  void open(kernel::Netns netns);
  void reopen(std::unordered_set<uint64_t> before);
  bool listen(Served& served, std::unordered_map<uint64_t, intercept::ListenerPair>& by_worker);

  kernel::Guard& guard_;
  Workers& workers_;
  Metrics& metrics_;
  const uint64_t own_cookie_;
  size_t budget_ = kPerBeat;
  // By uid and cookie: each user in turn, so that one who makes many does not keep others waiting.
  std::map<uint32_t, std::unordered_map<uint64_t, kernel::ProcessFacts>> pending_;
  NamespaceShare share_;
  uint64_t last_number_ = 0;  // 0 is the host's own
  std::unordered_map<uint64_t, Served> served_;                // by cookie
  std::unordered_map<uint64_t, Clock::time_point> not_before_;  // namespaces that could not be served: when to try again
};

}  // namespace warden::app
