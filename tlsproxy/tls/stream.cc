// SPDX-License-Identifier: Apache-2.0
// The one file of this folder with Asio in it. Every operation tries its system call first and waits for the
// socket only when that would block, so bytes that are there cost no suspension.
#include "tlsproxy/tls/stream.h"

#include <openssl/err.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>

#include "agent/base/check.h"
#include "tlsproxy/tls/context_state.h"
#include "tlsproxy/tls/failure.h"

namespace warden::tls {

namespace asio = boost::asio;

namespace {

constexpr size_t kRecordBytes = 16384;
constexpr int kBurstMax = 64;  // operations without a wait before others of this thread get their turn

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

using Wait = asio::ip::tcp::socket::wait_type;

std::unexpected<Error<StreamError>> failed(Failure failure) {
  switch (failure.kind) {
    case Failure::timeout:
      return fail(StreamError::timeout, std::move(failure.detail));
    case Failure::handshake:
      return fail(StreamError::handshake, std::move(failure.detail));
    case Failure::untrusted:
      return fail(StreamError::untrusted, std::move(failure.detail));
    case Failure::bad_certificate:
      return fail(StreamError::bad_certificate, std::move(failure.detail));
    case Failure::closed:
      break;
  }
  return fail(StreamError::closed, std::move(failure.detail));
}

std::unexpected<Error<StreamError>> cancelled() {
  return fail(StreamError::cancelled, "closed by us");
}

}  // namespace

struct Stream::State {
  explicit State(Socket open) : socket(std::move(open)) {}
  ~State() {
    // Told that it was shut down, OpenSSL keeps the session good for resumption; it sends nothing here.
    if (ssl) SSL_set_shutdown(ssl.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  // The descriptor is asked for each time: once closed, its number may be another connection's.
  bool usable() {
    bio.fd = socket.is_open() && !abandoned ? socket.native_handle() : -1;
    return bio.fd >= 0;
  }
  // What a call on `ssl` that failed wants: a wait, or the end (false).
  bool wants_wait(int ssl_error, Wait& wait) const {
    wait = ssl_error == SSL_ERROR_WANT_WRITE ? Wait::wait_write : Wait::wait_read;
    return ssl_error == SSL_ERROR_WANT_READ || ssl_error == SSL_ERROR_WANT_WRITE;
  }

  Socket socket;
  DescriptorBio bio;
  SslPtr ssl;  // after bio, which it points to
  std::string alpn;  // client leg: the protocol to choose, in wire form
  int burst = 0;
  bool abandoned = false;  // a record was left half written, so nothing can follow it
};

namespace {

template <class State>
Async<void> wait_for(State& state, Wait wait) {
  state.burst = 0;
  const auto [error] = co_await state.socket.async_wait(wait, kAwait);
  if (error || !state.usable()) co_return cancelled();
  co_return Result<void, StreamError>{};
}

template <class State>
asio::awaitable<void> give_turn(State& state) {
  state.burst = 0;
  co_await asio::post(state.socket.get_executor(), kAwait);
}

template <class State>
Async<void> handshake(State& state, std::string provider_host) {
  SSL* ssl = state.ssl.get();
  for (;;) {
    if (!state.usable()) co_return cancelled();
    ERR_clear_error();
    const int done = SSL_do_handshake(ssl);
    if (done == 1) co_return Result<void, StreamError>{};
    const int error = SSL_get_error(ssl, done);
    Wait wait{};
    if (!state.wants_wait(error, wait)) {
      if (provider_host.empty()) co_return failed(client_leg_failure(ssl, error, state.bio));
      ProviderPeer* peer = provider_peer(ssl);
      peer->owner->sessions.erase(peer->host);  // whatever was wrong, the next try starts afresh
      co_return failed(provider_leg_failure(ssl, error, state.bio, provider_host));
    }
    const auto waited = co_await wait_for(state, wait);
    if (!waited) co_return waited;
  }
}

template <class State>
Async<size_t> read_plain(State& state, std::span<char> into) {
  for (;;) {
    if (!state.usable()) co_return cancelled();
    const ssize_t count = ::recv(state.bio.fd, into.data(), into.size(), 0);
    if (count >= 0) {
      if (++state.burst >= kBurstMax) co_await give_turn(state);
      co_return static_cast<size_t>(count);
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) co_return failed(socket_failure(errno));
    const auto waited = co_await wait_for(state, Wait::wait_read);
    if (!waited) co_return std::unexpected(waited.error());
  }
}

template <class State>
Async<size_t> read_tls(State& state, std::span<char> into) {
  for (;;) {
    if (!state.usable()) co_return cancelled();
    ERR_clear_error();
    size_t count = 0;
    const int done = SSL_read_ex(state.ssl.get(), into.data(), into.size(), &count);
    if (done == 1) {
      if (++state.burst >= kBurstMax) co_await give_turn(state);
      co_return count;
    }
    const int error = SSL_get_error(state.ssl.get(), done);
    if (error == SSL_ERROR_ZERO_RETURN) co_return size_t{0};
    Wait wait{};
    if (!state.wants_wait(error, wait)) co_return failed(transfer_failure(error, state.bio));
    const auto waited = co_await wait_for(state, wait);
    if (!waited) co_return std::unexpected(waited.error());
  }
}

// Takes what was sent off the front of the two.
void consume(std::string_view& first, std::string_view& second, size_t count) {
  const size_t from_first = std::min(count, first.size());
  first.remove_prefix(from_first);
  second.remove_prefix(count - from_first);
}

template <class State>
Async<void> write_plain(State& state, std::string_view first, std::string_view second) {
  while (!first.empty() || !second.empty()) {
    if (!state.usable()) co_return cancelled();
    iovec parts[2] = {{const_cast<char*>(first.data()), first.size()},
                      {const_cast<char*>(second.data()), second.size()}};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    const ssize_t count = ::sendmsg(state.bio.fd, &message, MSG_NOSIGNAL);  // writev would raise SIGPIPE
    if (count >= 0) {
      consume(first, second, static_cast<size_t>(count));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) co_return failed(socket_failure(errno));
    const auto waited = co_await wait_for(state, Wait::wait_write);
    if (!waited) co_return waited;
  }
  if (++state.burst >= kBurstMax) co_await give_turn(state);
  co_return Result<void, StreamError>{};
}

// One record's worth of the two. Joined in `record` when both have a part in it: a head and the start of its
// body travel together.
std::string_view next_record(std::string_view first, std::string_view second, char* record) {
  if (first.empty()) return second;
  if (second.empty() || first.size() >= kRecordBytes) return first;
  std::memcpy(record, first.data(), first.size());
  const size_t rest = std::min(second.size(), kRecordBytes - first.size());
  std::memcpy(record + first.size(), second.data(), rest);
  return {record, first.size() + rest};
}

// A record that the socket did not take at once. It is written again from the same bytes until it went.
template <class State>
Async<size_t> finish_record(State& state, std::string_view next, Wait wait) {
  const std::string kept(next.substr(0, kRecordBytes));
  for (;;) {
    const auto waited = co_await wait_for(state, wait);
    if (!waited) {
      state.abandoned = true;
      co_return std::unexpected(waited.error());
    }
    ERR_clear_error();
    size_t count = 0;
    const int done = SSL_write_ex(state.ssl.get(), kept.data(), kept.size(), &count);
    if (done == 1) co_return count;
    const int error = SSL_get_error(state.ssl.get(), done);
    if (!state.wants_wait(error, wait)) co_return failed(transfer_failure(error, state.bio));
  }
}

template <class State>
Async<void> write_tls(State& state, std::string_view first, std::string_view second) {
  thread_local char record[kRecordBytes];  // never in use across a wait
  while (!first.empty() || !second.empty()) {
    if (!state.usable()) co_return cancelled();
    const std::string_view next = next_record(first, second, record).substr(0, kRecordBytes);
    state.bio.more_follows = first.size() + second.size() > next.size();
    ERR_clear_error();
    size_t count = 0;
    const int done = SSL_write_ex(state.ssl.get(), next.data(), next.size(), &count);
    if (done != 1) {
      const int error = SSL_get_error(state.ssl.get(), done);
      Wait wait{};
      if (!state.wants_wait(error, wait)) co_return failed(transfer_failure(error, state.bio));
      const auto finished = co_await finish_record(state, next, wait);
      if (!finished) co_return std::unexpected(finished.error());
      count = *finished;
    }
    consume(first, second, count);
  }
  if (++state.burst >= kBurstMax) co_await give_turn(state);
  co_return Result<void, StreamError>{};
}

template <class State>
Async<void> end(State& state) {
  while (state.ssl && state.usable() && SSL_is_init_finished(state.ssl.get())) {
    ERR_clear_error();
    state.bio.more_follows = false;
    const int done = SSL_shutdown(state.ssl.get());
    if (done >= 0 || SSL_get_error(state.ssl.get(), done) != SSL_ERROR_WANT_WRITE) break;
    const auto waited = co_await wait_for(state, Wait::wait_write);
    if (!waited) co_return waited;
  }
  ERR_clear_error();
  if (!state.usable()) co_return cancelled();
  ::shutdown(state.bio.fd, SHUT_WR);
  co_return Result<void, StreamError>{};
}

// A coroutine that only fails; for calls that go wrong before they begin.
Async<void> refused(StreamError code, std::string detail) {
  co_return fail(code, std::move(detail));
}

}  // namespace

Stream::Stream(Socket socket) : state_(std::make_unique<State>(std::move(socket))) {
  boost::system::error_code ignored;  // a socket that is broken already says so at its first use
  state_->socket.native_non_blocking(true, ignored);
  state_->socket.set_option(asio::ip::tcp::no_delay(true), ignored);
}

Stream::~Stream() = default;
Stream::Stream(Stream&&) noexcept = default;
Stream& Stream::operator=(Stream&&) noexcept = default;

// What the callers pass as views is copied here, before the lazy coroutine begins.
Async<void> Stream::accept_tls(ClientContext& context, std::string_view seen, std::string_view host, std::string_view alpn) {
  WARDEN_CHECK(!state_->ssl);
  if (!alpn.empty()) state_->alpn = alpn_wire({std::string(alpn)});
  state_->ssl = context.state->begin(host, state_->alpn);
  if (!state_->ssl || !attach(state_->ssl.get(), state_->bio)) {
    state_->ssl.reset();
    ERR_clear_error();
    return refused(StreamError::handshake, "no leaf certificate for " + std::string(host));
  }
  state_->bio.seen.assign(seen);
  return handshake(*state_, {});
}

Async<void> Stream::connect_tls(ProviderContext& context, std::string_view host,
                                const std::vector<std::string>& alpn) {
  WARDEN_CHECK(!state_->ssl && !host.empty());
  state_->ssl = context.state->begin(std::string(host), alpn_wire(alpn));
  if (!state_->ssl || !attach(state_->ssl.get(), state_->bio)) {
    state_->ssl.reset();
    return refused(StreamError::handshake, "provider leg: " + openssl_reason());
  }
  return handshake(*state_, std::string(host));
}

Async<size_t> Stream::read_some(std::span<char> into) {
  WARDEN_CHECK(!into.empty());
  return state_->ssl ? read_tls(*state_, into) : read_plain(*state_, into);
}

Async<void> Stream::write(std::string_view bytes) {
  return write(bytes, {});
}

Async<void> Stream::write(std::string_view first, std::string_view second) {
  return state_->ssl ? write_tls(*state_, first, second) : write_plain(*state_, first, second);
}

Async<void> Stream::shutdown() {
  return end(*state_);
}

Async<void> Stream::wait_readable() {
  if (has_buffered())
    return [](State& state) -> Async<void> {
      state.burst = 0;
      co_return Result<void, StreamError>{};
    }(*state_);
  return wait_for(*state_, Wait::wait_read);
}

bool Stream::is_tls() const {
  return state_->ssl != nullptr;
}

std::string_view Stream::alpn() const {
  if (!state_->ssl) return {};
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(state_->ssl.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

std::string_view Stream::version() const {
  return state_->ssl ? SSL_get_version(state_->ssl.get()) : std::string_view();
}

bool Stream::resumed() const {
  return state_->ssl && SSL_session_reused(state_->ssl.get()) == 1;
}

bool Stream::has_buffered() const {
  SSL* ssl = state_->ssl.get();
  if (ssl == nullptr) return false;
  if (SSL_pending(ssl) > 0) return true;
  if (SSL_has_pending(ssl) == 0 || !state_->usable()) return false;
  // Bytes of a record are there, but perhaps not all of them: only a look that decrypts tells.
  ERR_clear_error();
  char one = 0;
  size_t count = 0;
  const bool there = SSL_peek_ex(ssl, &one, 1, &count) == 1;
  ERR_clear_error();
  return there;
}

bool Stream::is_quiet() {
  if (!state_->usable() || has_buffered()) return false;
  char one = 0;
  const ssize_t there = ::recv(state_->bio.fd, &one, 1, MSG_PEEK | MSG_DONTWAIT);
  if (there < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
  if (there == 0 || !state_->ssl) return false;
  ERR_clear_error();
  size_t count = 0;
  const int peeked = SSL_peek_ex(state_->ssl.get(), &one, 1, &count);
  const bool quiet = peeked != 1 && SSL_get_error(state_->ssl.get(), peeked) == SSL_ERROR_WANT_READ;
  ERR_clear_error();
  return quiet;
}

Stream::Socket& Stream::socket() {
  return state_->socket;
}

void Stream::close() {
  state_->bio.fd = -1;
  boost::system::error_code ignored;
  state_->socket.close(ignored);
}

}  // namespace warden::tls
