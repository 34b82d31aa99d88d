// SPDX-License-Identifier: Apache-2.0
// Sockets: the kernel's tables of them, by sock_diag(7), in the network namespace where they are.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "agent/base/address.h"
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

}  // namespace warden::kernel
