// SPDX-License-Identifier: Apache-2.0
// Connector: the provider leg's TCP connection, to the address the application itself had chosen.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "agent/base/address.h"
#include "tlsproxy/tls/stream.h"

namespace warden::forward {

// A `socket` that is open already is taken as it is. TCP_NODELAY is set. `timeout_ms` bounds the handshake of TCP, not what follows. Whoever closes `socket` meanwhile ends it.
tls::Async<void> dial(boost::asio::ip::tcp::socket& socket, const Endpoint& to, int timeout_ms);

}  // namespace warden::forward
