// SPDX-License-Identifier: Apache-2.0
// Connector: the provider leg's TCP connection, to the address the application itself had chosen.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <optional>

#include "agent/base/address.h"
#include "tlsproxy/tls/stream.h"

namespace warden::forward {

struct DialFrom {
  int timeout_ms = 30'000;         // of the handshake of TCP, not of what follows
  std::optional<Endpoint> source;  // its address alone; else the kernel chooses
};

// A `socket` that is open already is taken as it is. TCP_NODELAY is set. Whoever closes `socket` meanwhile ends it.
tls::Async<void> dial(boost::asio::ip::tcp::socket& socket, const Endpoint& to, DialFrom from);

}  // namespace warden::forward
