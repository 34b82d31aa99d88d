// SPDX-License-Identifier: Apache-2.0
// Opening: the first bytes of a redirected connection, read to tell what it is before anything is decided. Nothing is consumed
// that the next layer does not get back in `seen`.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <string>

#include "agent/base/result.h"
#include "tlsproxy/tls/client_hello.h"

namespace warden::intercept {

enum class Layer : uint8_t {
  tls,
  http,   // an HTTP/1.x request line, or the preface of HTTP/2
  other,  // something else, or nothing within the time allowed: leave it to policy
};

struct Opening {
  Layer layer = Layer::other;
  tls::ClientHello hello;  // of Layer::tls
  std::string seen;        // everything read so far
};

enum class OpeningError { closed, malformed_hello, timeout };

boost::asio::awaitable<Result<Opening, OpeningError>> read_opening(boost::asio::ip::tcp::socket& socket, int timeout_ms);

// What the first bytes are; `undecided` until enough of them have come.
enum class Guess : uint8_t { undecided, tls, http, other };
Guess guess_layer(std::string_view bytes);

}  // namespace warden::intercept
