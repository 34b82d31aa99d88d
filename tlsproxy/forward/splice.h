// SPDX-License-Identifier: Apache-2.0
// Splice: carries a connection that is none of our business to where it wanted to go, undecrypted: splice(2) through a pipe each
// way, so the bytes never enter our memory.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <string_view>

namespace warden::forward {

struct Spliced {
  uint64_t sent_bytes = 0;      // client to destination, `seen` included
  uint64_t received_bytes = 0;
};

// Ends when both directions have ended or either broke. `seen`: what was already read from the client.
boost::asio::awaitable<Spliced> splice(boost::asio::ip::tcp::socket client, boost::asio::ip::tcp::socket destination,
                                       std::string_view seen);

}  // namespace warden::forward
