// SPDX-License-Identifier: Apache-2.0
// The coroutines of connector.h and splice.h in one file: Asio's templates are what compiling costs.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>

#include "agent/base/fd.h"
#include "tlsproxy/forward/connector.h"
#include "tlsproxy/forward/splice.h"
#include "tlsproxy/tls/deadline.h"

namespace warden::forward {
namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr size_t kPipeBytes = 64 * 1024;

tcp::endpoint asio_endpoint(const Endpoint& endpoint) {
  if (endpoint.is_v4()) {
    asio::ip::address_v4::bytes_type bytes;
    std::copy(endpoint.address.begin() + 12, endpoint.address.end(), bytes.begin());
    return {asio::ip::address_v4(bytes), endpoint.port};
  }
  asio::ip::address_v6::bytes_type bytes;
  std::copy(endpoint.address.begin(), endpoint.address.end(), bytes.begin());
  return {asio::ip::address_v6(bytes), endpoint.port};
}

// Wakes whoever waits on either socket: the other direction sees the end.
void break_off(tcp::socket& a, tcp::socket& b) {
  boost::system::error_code ignored;
  a.shutdown(tcp::socket::shutdown_both, ignored);
  b.shutdown(tcp::socket::shutdown_both, ignored);
}

// One direction. Ends at the source's FIN, which is passed on, or at any error, which ends the other direction too.
asio::awaitable<void> carry(tcp::socket& from, tcp::socket& to, uint64_t& total) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) != 0) co_return break_off(from, to);
  const Fd out(ends[0]);
  const Fd in(ends[1]);
  for (;;) {
    ssize_t held = ::splice(from.native_handle(), nullptr, in.get(), nullptr, kPipeBytes, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (held == 0) break;
    if (held < 0) {
      if (errno != EAGAIN) co_return break_off(from, to);
      const auto [error] = co_await from.async_wait(tcp::socket::wait_read, kTuple);
      if (error) co_return break_off(from, to);
      continue;
    }
    while (held > 0) {
      const ssize_t moved = ::splice(out.get(), nullptr, to.native_handle(), nullptr, static_cast<size_t>(held),
                                     SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
      if (moved > 0) {
        held -= moved;
        total += static_cast<uint64_t>(moved);
        continue;
      }
      if (moved < 0 && errno != EAGAIN) co_return break_off(from, to);
      const auto [error] = co_await to.async_wait(tcp::socket::wait_write, kTuple);
      if (error) co_return break_off(from, to);
    }
  }
  boost::system::error_code ignored;
  to.shutdown(tcp::socket::shutdown_send, ignored);
}

}  // namespace

tls::Async<void> dial(tcp::socket& socket, const Endpoint& to, int timeout_ms) {
  boost::system::error_code ignored;
  const tcp::endpoint endpoint = asio_endpoint(to);
  if (!socket.is_open()) socket.open(endpoint.protocol(), ignored);
  socket.non_blocking(true, ignored);
  const tls::Deadline deadline(socket.get_executor(), std::chrono::milliseconds(timeout_ms), [&socket] {
    boost::system::error_code close_error;
    socket.close(close_error);
  });
  const auto [error] = co_await socket.async_connect(endpoint, kTuple);
  if (deadline.fired()) co_return fail(tls::StreamError::timeout, "no answer from " + to.to_string());
  if (error) co_return fail(tls::StreamError::closed, to.to_string() + ": " + error.message());
  socket.set_option(tcp::no_delay(true), ignored);
  co_return Result<void, tls::StreamError>{};
}

asio::awaitable<Spliced> splice(tcp::socket client, tcp::socket destination, std::string_view seen) {
  using namespace asio::experimental::awaitable_operators;
  Spliced spliced;
  boost::system::error_code ignored;
  client.native_non_blocking(true, ignored);
  destination.native_non_blocking(true, ignored);
  const auto [error, size] = co_await asio::async_write(destination, asio::buffer(seen), kTuple);
  spliced.sent_bytes = size;
  if (error) co_return spliced;
  co_await (carry(client, destination, spliced.sent_bytes) && carry(destination, client, spliced.received_bytes));
  co_return spliced;
}

}  // namespace warden::forward
