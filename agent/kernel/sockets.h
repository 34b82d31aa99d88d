// SPDX-License-Identifier: Apache-2.0
// Sockets: the kernel's tables of them, by sock_diag(7), in the network namespace where they are.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/address.h"
#include "agent/base/fd.h"
#include "agent/base/result.h"

namespace warden::kernel {

// A TCP socket as the kernel's tables name it: addresses tell where to look, the cookie which one is meant.
struct SocketName {
  uint64_t cookie = 0;
  Endpoint local, peer;
  uint32_t bound_device = 0;
};

enum class SocketError { no_namespace, no_netlink, refused };

// Ends a TCP socket at once: its owner's next call fails (ECONNABORTED), its peer is sent a reset. In the network
// namespace of process `within`, or in our own (0).
Result<void, SocketError> destroy_socket(const SocketName& name, pid_t within);

// A netlink socket to ask of the namespace in which it is opened.
Fd open_diag();

struct Found {
  uint64_t cookie = 0;
  bool held = false;  // by a process; else it is an orphan, or only its port's quarantine is left
};
// The TCP socket between these two addresses, seen from `local`; nullopt when there is none (or `diag` is not open).
std::optional<Found> find_socket(int diag, const Endpoint& local, const Endpoint& peer);

struct TcpSocket {
  SocketName name;
  uint64_t inode = 0;      // as /proc/PID/fd shows it
  uint64_t cgroup_id = 0;  // 0: the kernel does not tell
  uint32_t uid = 0;
};

// The TCP sockets that have a peer, of the network namespace in which `diag` was opened; without it, of our own.
Result<std::vector<TcpSocket>, SocketError> tcp_sockets(int diag = -1);
// The inodes of all packet sockets there, whatever cgroup they belong to.
Result<std::vector<uint64_t>, SocketError> packet_sockets(int diag = -1);

// A descriptor of ours for the socket with that inode that process `pid` has open; empty when it has none such.
Fd borrow_socket(pid_t pid, uint64_t inode);

}  // namespace warden::kernel
