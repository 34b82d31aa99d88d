// SPDX-License-Identifier: Apache-2.0
// Strays: sockets of the guarded tree that no kernel hook saw being made. TCP connections older than the agent, once its LLM
// addresses are known, in every network namespace where somebody of the tree lives; packet sockets, by looking for new ones from
// time to time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
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
  // Packet sockets that were not there the last time: of our own network namespace, or of the one that `diag` is of.
  void look_for_packet_sockets() { look_for_packet_sockets(0, -1); }
  void look_for_packet_sockets(uint64_t netns_cookie, int diag);
  // Namespaces that are not served any more are not remembered.
  void forget_all_but(const std::function<bool(uint64_t netns_cookie)>& is_served);

 private:
  void list_connections();
  void list_connections_elsewhere(const std::set<uint64_t>& guarded);
  void keep_guarded(std::vector<kernel::TcpSocket> sockets, const std::set<uint64_t>& guarded, bool elsewhere);
  void end(const kernel::TcpSocket& socket, const std::string& host, const kernel::ProcessFacts* owner, bool elsewhere);
  [[nodiscard]] std::set<uint64_t> guarded_cgroups() const;

  kernel::Guard& guard_;
  std::string guarded_;
  uint64_t exempt_;
  Existing existing_;
  Found found_;
  struct Connection {
    kernel::TcpSocket socket;
    bool elsewhere = false;  // in another network namespace than ours, which we do not hold: its owner leads us there
  };
  std::vector<Connection> connections_;
  std::map<uint64_t, std::set<uint64_t>> packet_sockets_;  // by namespace; 0: ours
};

}  // namespace warden::app
