// SPDX-License-Identifier: Apache-2.0
// Strays: sockets of the guarded tree that no kernel hook saw being made. TCP connections older than the agent, once its LLM
// addresses are known; packet sockets, by looking for new ones from time to time. Those of the agent's own network namespace.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "agent/base/address.h"
#include "agent/kernel/guard.h"

namespace warden::app {

class Strays {
 public:
  // `found` gets an event as the kernel half would have sent it, and what became of the socket ("refused", "observed").
  using Found = std::function<void(const kernel::Event&, const char* capture)>;

  // What becomes of the connections: ended; ended where the guard cannot be told to spare them; or left alone in any case.
  enum class Existing : uint8_t { end, spare, leave };
  // Lists what is connected already, so the guard must stand. Sockets of the `exempt` cgroup are the workers' own.
  Strays(kernel::Guard& guard, std::string guarded, uint64_t exempt, Existing existing, Found found);

  // This address is an LLM's: connections to it that were there before are ended, or let go on, and recorded.
  // To be called before the guard is told of it, which drops what it was not asked to spare.
  void settle(const Endpoint& destination, const std::string& host);
  // Packet sockets that were not there the last time.
  void look_for_packet_sockets();

 private:
  void list_connections();
  [[nodiscard]] std::set<uint64_t> guarded_cgroups() const;

  kernel::Guard& guard_;
  std::string guarded_;
  uint64_t exempt_;
  Existing existing_;
  Found found_;
  std::vector<kernel::TcpSocket> connections_;
  std::set<uint64_t> packet_sockets_;
};

}  // namespace warden::app
