// SPDX-License-Identifier: Apache-2.0
// The coroutines of connector.h and splice.h in one file: Asio's templates are what compiling costs.
#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
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
constexpr uint64_t kTurnBytes = 1 << 20;  // of one direction, before it is another's turn
constexpr size_t kBlockBytes = 4096;
constexpr auto kLate = std::chrono::milliseconds(250);  // a client that says no more for so long waits for an answer

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

// Ends both with a reset, as a connection without us would have ended, and wakes whoever waits on either.
void break_off(tcp::socket& a, tcp::socket& b) {
  boost::system::error_code ignored;
  for (tcp::socket* socket : {&a, &b}) {
    socket->set_option(asio::socket_base::linger(true, 0), ignored);
    socket->close(ignored);
  }
}

enum class Moved : uint8_t { on, dry, ended, broken };

// From the socket into the empty pipe, and out of it as fast as `to` takes it.
asio::awaitable<Moved> move_once(tcp::socket& from, tcp::socket& to, const Pipes::Pipe& pipe, uint64_t& total) {
  ssize_t held = ::splice(from.native_handle(), nullptr, pipe.in.get(), nullptr, kPipeBytes, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  if (held == 0) co_return Moved::ended;
  if (held < 0) co_return errno == EAGAIN ? Moved::dry : Moved::broken;
  while (held > 0) {
    const ssize_t moved = ::splice(pipe.out.get(), nullptr, to.native_handle(), nullptr, static_cast<size_t>(held),
                                   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (moved > 0) {
      held -= moved;
      total += static_cast<uint64_t>(moved);
      continue;
    }
    if (moved < 0 && errno != EAGAIN) co_return Moved::broken;
    const auto [error] = co_await to.async_wait(tcp::socket::wait_write, kTuple);
    if (error) co_return Moved::broken;
  }
  co_return Moved::on;
}

// One direction. Ends at the source's FIN, which is passed on, or at any error, which ends the other direction too. While there
// is nothing to carry it holds no pipe.
asio::awaitable<void> carry(tcp::socket& from, tcp::socket& to, Pipes& pipes, uint64_t& total) {
  std::optional<Pipes::Pipe> pipe;
  uint64_t turn_began = total;
  for (;;) {
    if (!pipe) pipe = pipes.take();
    if (!pipe) co_return break_off(from, to);
    const Moved moved = co_await move_once(from, to, *pipe, total);
    if (moved == Moved::broken) co_return break_off(from, to);
    if (moved == Moved::ended) break;
    if (moved == Moved::dry) {
      pipes.give(std::move(*pipe));
      pipe.reset();
      const auto [error] = co_await from.async_wait(tcp::socket::wait_read, kTuple);
      if (error) co_return break_off(from, to);
    } else if (total - turn_began < kTurnBytes) {
      continue;
    } else {
      // The others' turn, and the supervisor's, which takes a worker that does not answer for dead.
      co_await asio::post(from.get_executor(), asio::use_awaitable);
    }
    turn_began = total;
  }
  pipes.give(std::move(*pipe));
  boost::system::error_code ignored;
  to.shutdown(tcp::socket::shutdown_send, ignored);
}

asio::awaitable<bool> pass_on(tcp::socket& to, std::string& held, uint64_t& total) {
  const auto [error, size] = co_await asio::async_write(to, asio::buffer(held), kTuple);
  total += size;
  held.clear();
  co_return !error;
}

// Client to destination, as `carry`, but through our memory as long as `watch` has to see the bytes.
asio::awaitable<void> carry_watched(tcp::socket& from, tcp::socket& to, Pipes& pipes, Watch& watch, std::string held, uint64_t& total) {
  for (Heard heard = Heard::more;;) {
    const bool ended = heard == Heard::ended, late = heard == Heard::nothing;
    const Watch::Say said = held.empty() ? Watch::Say::wait : watch.look(held, late || ended);
    if (said == Watch::Say::stop) co_return break_off(from, to);
    if (said != Watch::Say::wait || ended) {
      const bool sent = co_await pass_on(to, held, total);
      if (!sent) co_return break_off(from, to);
    }
    if (said == Watch::Say::pass_all || ended) co_return co_await carry(from, to, pipes, total);
    heard = co_await read_more(from, held, held.empty() || late ? std::chrono::milliseconds(0) : kLate);
    if (heard == Heard::broken) co_return break_off(from, to);
  }
}

}  // namespace

tls::Async<void> dial(tcp::socket& socket, const Endpoint& to, DialFrom from) {
  boost::system::error_code ignored;
  const tcp::endpoint endpoint = asio_endpoint(to);
  if (!socket.is_open()) socket.open(endpoint.protocol(), ignored);
  socket.non_blocking(true, ignored);
  if (from.source) {
    const int on = 1;  // the port is chosen for the destination, not used up for all
    ::setsockopt(socket.native_handle(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    boost::system::error_code unbound;
    socket.bind(asio_endpoint({from.source->address, 0}), unbound);
    if (unbound) co_return fail(tls::StreamError::closed, from.source->ip() + ": " + unbound.message());
  }
  const tls::Deadline deadline(socket.get_executor(), std::chrono::milliseconds(from.timeout_ms), [&socket] {
    boost::system::error_code close_error;
    socket.close(close_error);
  });
  const auto [error] = co_await socket.async_connect(endpoint, kTuple);
  if (deadline.fired()) co_return fail(tls::StreamError::timeout, "no answer from " + to.to_string());
  if (error) co_return fail(tls::StreamError::closed, to.to_string() + ": " + error.message());
  socket.set_option(tcp::no_delay(true), ignored);
  co_return Result<void, tls::StreamError>{};
}

std::optional<Pipes::Pipe> Pipes::take() {
  if (!kept_.empty()) {
    Pipe pipe = std::move(kept_.back());
    kept_.pop_back();
    return pipe;
  }
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) != 0) return std::nullopt;
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

void Pipes::give(Pipe pipe) {
  if (kept_.size() < kKeptMax) kept_.push_back(std::move(pipe));
}

asio::awaitable<Heard> read_more(tcp::socket& from, std::string& held, std::chrono::milliseconds limit) {
  using namespace asio::experimental::awaitable_operators;
  if (limit.count() > 0) {
    // Not the socket's cancel(): the other direction may be waiting to write to it.
    asio::steady_timer timer(from.get_executor(), limit);
    const auto first = co_await (from.async_wait(tcp::socket::wait_read, kTuple) || timer.async_wait(kTuple));
    if (first.index() == 1) co_return Heard::nothing;
  }
  std::array<char, kBlockBytes> block;
  const auto [error, size] = co_await from.async_read_some(asio::buffer(block), kTuple);
  if (error) co_return error == asio::error::eof ? Heard::ended : Heard::broken;
  held.append(block.data(), size);
  co_return Heard::more;
}

asio::awaitable<bool> speaks_first(tcp::socket& a, tcp::socket& b) {
  using namespace asio::experimental::awaitable_operators;
  const auto first = co_await (a.async_wait(tcp::socket::wait_read, kTuple) || b.async_wait(tcp::socket::wait_read, kTuple));
  co_return first.index() == 0;
}

asio::awaitable<Spliced> splice(tcp::socket client, tcp::socket destination, Pipes& pipes, Ahead ahead) {
  using namespace asio::experimental::awaitable_operators;
  Spliced spliced;
  boost::system::error_code ignored;
  client.native_non_blocking(true, ignored);
  destination.native_non_blocking(true, ignored);
  // The application's own keepalive now ends at us.
  destination.set_option(asio::socket_base::keep_alive(true), ignored);
  const bool sent = co_await pass_on(destination, ahead.passed, spliced.sent_bytes);
  if (!sent) {
    break_off(client, destination);
    co_return spliced;
  }
  if (ahead.watch != nullptr)
    co_await (carry_watched(client, destination, pipes, *ahead.watch, std::move(ahead.held), spliced.sent_bytes) &&
              carry(destination, client, pipes, spliced.received_bytes));
  else
    co_await (carry(client, destination, pipes, spliced.sent_bytes) && carry(destination, client, pipes, spliced.received_bytes));
  co_return spliced;
}

}  // namespace warden::forward
