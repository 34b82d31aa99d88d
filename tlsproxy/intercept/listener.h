// SPDX-License-Identifier: Apache-2.0
// Listeners on loopback, IPv4 and IPv6 on the same port, one pair per worker (SO_REUSEPORT): redirected connections arrive here.
#pragma once

#include <cstdint>

#include "agent/base/fd.h"
#include "agent/base/result.h"

namespace warden::intercept {

enum class ListenError { cannot_listen };

struct ListenerPair {
  Fd v4, v6;  // v6 stays empty on a host without IPv6
  uint16_t port = 0;
};

// `port` 0 lets the kernel choose; further workers pass the port of the first.
Result<ListenerPair, ListenError> listen_on_loopback(uint16_t port);

}  // namespace warden::intercept
