// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/intercept/opening.h"

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <string_view>

#include "tlsproxy/tls/deadline.h"

namespace warden::intercept {
namespace asio = boost::asio;

namespace {

constexpr size_t kOpeningBytesMax = 32 * 1024;
constexpr uint8_t kHandshakeRecord = 22;  // RFC 8446 section 5.1
constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

// The last begins HTTP/2 by prior knowledge (RFC 9113 section 3.4), and nothing else.
constexpr std::array<std::string_view, 10> kMethods = {"GET ",     "POST ", "PUT ",     "DELETE ", "PATCH ",
                                                       "OPTIONS ", "HEAD ", "CONNECT ", "TRACE ",  "PRI "};

bool could_be_method(std::string_view bytes) {
  return std::ranges::any_of(kMethods, [&](std::string_view method) {
    const size_t size = std::min(method.size(), bytes.size());
    return method.substr(0, size) == bytes.substr(0, size);
  });
}

bool is_method(std::string_view bytes) {
  return std::ranges::any_of(kMethods, [&](std::string_view method) { return bytes.starts_with(method); });
}

}  // namespace

Guess guess_layer(std::string_view bytes) {
  if (bytes.empty()) return Guess::undecided;
  if (static_cast<uint8_t>(bytes[0]) == kHandshakeRecord) return Guess::tls;
  if (is_method(bytes)) return Guess::http;
  return could_be_method(bytes) ? Guess::undecided : Guess::other;
}

asio::awaitable<Result<Opening, OpeningError>> read_opening(asio::ip::tcp::socket& socket, int timeout_ms) {
  Opening opening;
  const tls::Deadline deadline(socket.get_executor(), std::chrono::milliseconds(timeout_ms), [&socket] {
    boost::system::error_code ignored;
    socket.cancel(ignored);
  });

  std::array<char, 4096> block;
  for (;;) {
    const auto [error, size] = co_await socket.async_read_some(asio::buffer(block), kTuple);
    if (deadline.fired()) co_return fail(OpeningError::timeout);
    if (error) co_return fail(OpeningError::closed, error.message());
    opening.seen.append(block.data(), size);
    switch (guess_layer(opening.seen)) {
      case Guess::undecided: continue;
      case Guess::http: opening.layer = Layer::http; co_return opening;
      case Guess::other: opening.layer = Layer::other; co_return opening;
      case Guess::tls: break;
    }
    auto hello = tls::read_client_hello(opening.seen);
    if (hello) {
      opening.layer = Layer::tls;
      opening.hello = std::move(*hello);
      co_return opening;
    }
    if (hello.error().code != tls::HelloError::incomplete || opening.seen.size() >= kOpeningBytesMax)
      co_return fail(OpeningError::malformed_hello, hello.error().detail);
  }
}

}  // namespace warden::intercept
