// SPDX-License-Identifier: Apache-2.0
// Stream: one leg of a proxied connection, plain or TLS, on a non-blocking socket in an io_context of one thread. OpenSSL reads
// and writes the descriptor itself (no BIO pair), so there is no copy beside the record layer's own.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "agent/base/result.h"

struct ssl_st;

namespace warden::tls {

enum class StreamError {
  closed,            // the peer closed or reset; `detail` tells
  timeout,
  handshake,         // the peer refused or broke the handshake
  untrusted,         // client leg: the client refused our certificate (alert, reset or silent close before Finished)
  bad_certificate,   // provider leg: names, chain, expiry or stapled revocation
  cancelled,
};

template <class T>
using Async = boost::asio::awaitable<Result<T, StreamError>>;

class ClientContext;    // client leg: leaves by name, session cache; tlsproxy/tls/context.h
class ProviderContext;  // provider leg: trust anchors, session cache

class Stream {
 public:
  using Socket = boost::asio::ip::tcp::socket;
  explicit Stream(Socket socket);  // plain
  ~Stream();
  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) noexcept;

  // Server side towards the application. `seen`: bytes already read from the socket (the hello). `alpn`: the protocol to choose
  // if the client offers it; empty: none.
  Async<void> accept_tls(ClientContext& context, std::string_view seen, std::string_view host, std::string_view alpn = {});
  // Client side towards the provider: SNI and verification for `host`; offers only `alpn` (may be empty).
  Async<void> connect_tls(ProviderContext& context, std::string_view host, const std::vector<std::string>& alpn);

  // Until read_some has something to say, so that an idle connection needs no buffer. May wake early (a session ticket).
  Async<void> wait_readable();
  // At least one byte, or 0 at the peer's orderly end.
  Async<size_t> read_some(std::span<char> into);
  // All of it, in order; one TLS record run or one writev per call.
  Async<void> write(std::string_view bytes);
  Async<void> write(std::string_view first, std::string_view second);
  Async<void> shutdown();  // close_notify and FIN; never waits for the peer's

  [[nodiscard]] bool is_tls() const;
  [[nodiscard]] std::string_view alpn() const;     // negotiated, may be empty
  [[nodiscard]] std::string_view version() const;  // "TLSv1.3", empty for plain
  [[nodiscard]] bool resumed() const;              // the handshake resumed an earlier session
  [[nodiscard]] bool has_buffered() const;         // bytes can be read without waiting (held here; the kernel may have more)
  // Nothing to read and not closed. What TLS keeps to itself, such as session tickets right after the handshake, is no data.
  [[nodiscard]] bool is_quiet();
  [[nodiscard]] Socket& socket();
  void close();  // at once; pending operations end with `cancelled` or `closed`

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace warden::tls
