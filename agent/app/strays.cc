// SPDX-License-Identifier: Apache-2.0
#include "agent/app/strays.h"

#include <unistd.h>

#include <filesystem>

#include "agent/attribution/procfs.h"
#include "agent/attribution/socket_owner.h"
#include "agent/base/log.h"
#include "agent/kernel/netns.h"

namespace warden::app {
namespace {

constexpr size_t kDescriptorsMax = 100'000;  // looked at for a packet socket's owner: some tens of milliseconds

}  // namespace

Strays::Strays(kernel::Guard& guard, std::string guarded, uint64_t exempt, Existing existing, Found found)
    : guard_(guard), guarded_(std::move(guarded)), exempt_(exempt), existing_(existing), found_(std::move(found)) {
  list_connections();
}

std::set<uint64_t> Strays::guarded_cgroups() const {
  std::set<uint64_t> ids;
  const auto add = [&](const std::string& path) {
    if (const auto id = kernel::cgroup_id(path); id && *id != exempt_) ids.insert(*id);
  };
  add(guarded_);
  std::error_code error;
  for (auto at = std::filesystem::recursive_directory_iterator(guarded_, error);
       !error && at != std::filesystem::recursive_directory_iterator(); at.increment(error))
    if (at->is_directory(error)) add(at->path().string());
  return ids;
}

void Strays::keep_guarded(std::vector<kernel::TcpSocket> sockets, const std::set<uint64_t>& guarded, bool elsewhere) {
  for (kernel::TcpSocket& socket : sockets)
    if (guarded.contains(socket.cgroup_id)) connections_.push_back({std::move(socket), elsewhere});
}

void Strays::list_connections() {
  const std::set<uint64_t> guarded = guarded_cgroups();
  if (auto sockets = kernel::tcp_sockets())
    keep_guarded(std::move(*sockets), guarded, false);
  else
    log::warn("connections older than the agent are not listed: {}", sockets.error().detail);
  list_connections_elsewhere(guarded);
}

void Strays::list_connections_elsewhere(const std::set<uint64_t>& guarded) {
  std::set<ino_t> seen = {attribution::netns_of(::getpid()), 0};
  for (const pid_t pid : attribution::all_pids()) {
    const ino_t inode = attribution::netns_of(pid);
    if (seen.contains(inode)) continue;
    const auto facts = attribution::facts_of(pid);
    if (!facts || !guarded.contains(facts->cgroup_id)) continue;
    seen.insert(inode);
    const auto netns = kernel::Netns::of(pid);
    Fd diag;
    if (netns) (void)netns->run([&] { diag = kernel::open_diag(); });
    auto sockets = diag ? kernel::tcp_sockets(diag.get()) : fail(kernel::SocketError::no_namespace, "it cannot be entered");
    if (sockets)
      keep_guarded(std::move(*sockets), guarded, true);
    else
      log::warn("connections older than the agent in the network namespace of pid {} are not listed: {}", pid, sockets.error().detail);
  }
}

void Strays::settle(const Endpoint& destination, const std::string& host) {
  std::set<uint64_t> inodes;
  for (const Connection& connection : connections_)
    if (connection.socket.name.peer == destination) inodes.insert(connection.socket.inode);
  if (inodes.empty()) return;
  const auto owners = attribution::owners_of_sockets(inodes);
  std::erase_if(connections_, [&](const Connection& connection) {
    if (connection.socket.name.peer != destination) return false;
    const auto owner = owners.find(connection.socket.inode);
    // A provider leg, whose socket the supervisor made in that namespace, and in its own cgroup, for a worker that goes on.
    if (owner != owners.end() && owner->second.cgroup_id == exempt_) return true;
    end(connection.socket, host, owner == owners.end() ? nullptr : &owner->second, connection.elsewhere);
    return true;
  });
}

void Strays::end(const kernel::TcpSocket& socket, const std::string& host, const kernel::ProcessFacts* owner, bool elsewhere) {
  kernel::Event event{};
  event.kind = kernel::EventKind::tripped;
  event.reason = "older_than_agent";
  event.host = host;
  event.flow.socket_cookie = socket.name.cookie;
  event.flow.original = socket.name.peer;
  event.flow.process.uid = socket.uid;
  event.flow.process.cgroup_id = socket.cgroup_id;
  if (owner != nullptr) event.flow.process = *owner;
  // Left alone, it is not to be found by the tripwire again either.
  const bool told = existing_ != Existing::end && owner != nullptr && guard_.spare_socket(owner->tgid, socket.inode);
  const bool spared = told || existing_ == Existing::leave;
  // Without an owner there is nobody to find the namespace by; what is still to be sent the guard drops.
  if (!spared && (owner != nullptr || !elsewhere))
    if (auto ended = kernel::destroy_socket(socket.name, elsewhere ? owner->tgid : 0); !ended) log::warn("{}", ended.error().detail);
  found_(event, spared ? "observed" : "refused");
}

void Strays::look_for_packet_sockets(uint64_t netns_cookie, int diag) {
  const auto sockets = kernel::packet_sockets(diag);
  if (!sockets) return;
  const std::set<uint64_t> now(sockets->begin(), sockets->end());
  std::set<uint64_t>& before = packet_sockets_[netns_cookie];
  std::set<uint64_t> fresh;
  for (const uint64_t inode : now)
    if (!before.contains(inode)) fresh.insert(inode);
  before = now;
  if (fresh.empty()) return;
  const std::set<uint64_t> guarded = guarded_cgroups();
  for (auto& [inode, facts] : attribution::owners_of_sockets(fresh, kDescriptorsMax)) {
    if (!guarded.contains(facts.cgroup_id)) continue;
    kernel::Event event{};
    event.kind = kernel::EventKind::passed;
    event.reason = "packet_socket";
    event.flow.process = facts;
    found_(event, "observed");
  }
}

void Strays::forget_all_but(const std::function<bool(uint64_t)>& is_served) {
  std::erase_if(packet_sockets_, [&](const auto& one) { return one.first != 0 && !is_served(one.first); });
}

}  // namespace warden::app
