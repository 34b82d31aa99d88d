// SPDX-License-Identifier: Apache-2.0
#include "agent/app/strays.h"

#include <sys/stat.h>

#include <filesystem>

#include "agent/attribution/socket_owner.h"
#include "agent/base/log.h"

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

void Strays::list_connections() {
  auto sockets = kernel::tcp_sockets();
  if (!sockets) return log::warn("connections older than the agent are not listed: {}", sockets.error().detail);
  const std::set<uint64_t> guarded = guarded_cgroups();
  std::erase_if(*sockets, [&](const kernel::TcpSocket& socket) { return !guarded.contains(socket.cgroup_id); });
  connections_ = std::move(*sockets);
}

void Strays::settle(const Endpoint& destination, const std::string& host) {
  std::set<uint64_t> inodes;
  for (const kernel::TcpSocket& socket : connections_)
    if (socket.name.peer == destination) inodes.insert(socket.inode);
  if (inodes.empty()) return;
  const auto owners = attribution::owners_of_sockets(inodes);
  std::erase_if(connections_, [&](const kernel::TcpSocket& socket) {
    if (socket.name.peer != destination) return false;
    kernel::Event event{};
    event.kind = kernel::EventKind::tripped;
    event.reason = "older_than_agent";
    event.host = host;
    event.flow.socket_cookie = socket.name.cookie;
    event.flow.original = destination;
    event.flow.process.uid = socket.uid;
    event.flow.process.cgroup_id = socket.cgroup_id;
    const auto owner = owners.find(socket.inode);
    if (owner != owners.end()) event.flow.process = owner->second;
    // Left alone, it is not to be found by the tripwire again either.
    const bool told = existing_ != Existing::end && owner != owners.end() && guard_.spare_socket(owner->second.tgid, socket.inode);
    const bool spared = told || existing_ == Existing::leave;
    if (!spared)
      if (auto ended = kernel::destroy_socket(socket.name, 0); !ended) log::warn("{}", ended.error().detail);
    found_(event, spared ? "observed" : "refused");
    return true;
  });
}

void Strays::look_for_packet_sockets() {
  const auto sockets = kernel::packet_sockets();
  if (!sockets) return;
  const std::set<uint64_t> now(sockets->begin(), sockets->end());
  std::set<uint64_t> fresh;
  for (const uint64_t inode : now)
    if (!packet_sockets_.contains(inode)) fresh.insert(inode);
  packet_sockets_ = now;
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

}  // namespace warden::app
