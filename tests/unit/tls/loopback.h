// SPDX-License-Identifier: Apache-2.0
// Both ends of a TCP connection on loopback, and a way to run coroutines to their end with a limit.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "tlsproxy/tls/stream.h"

namespace warden::tls {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;

struct Loopback {
  asio::io_context io{1};
  Tcp::acceptor acceptor{io, Tcp::endpoint(asio::ip::address_v4::loopback(), 0)};

  [[nodiscard]] uint16_t port() const { return acceptor.local_endpoint().port(); }
  Tcp::socket dial(uint16_t to) {
    Tcp::socket socket(io);
    socket.connect(Tcp::endpoint(asio::ip::address_v4::loopback(), to));
    return socket;
  }
  std::pair<Stream, Stream> pair() {
    Tcp::socket near = dial(port());
    return {Stream(std::move(near)), Stream(acceptor.accept())};
  }

  // Runs all of them on the one thread; a test that hangs fails here after ten seconds.
  template <class... T>
  std::tuple<Result<T, StreamError>...> run(Async<T>... work) {
    std::tuple<std::optional<Result<T, StreamError>>...> done;
    spawn(done, std::index_sequence_for<T...>(), std::move(work)...);
    io.restart();
    io.run_for(std::chrono::seconds(20));
    return finish(done, std::index_sequence_for<T...>());
  }

 private:
  template <class Done, size_t... I, class... T>
  void spawn(Done& done, std::index_sequence<I...>, Async<T>... work) {
    (asio::co_spawn(io, std::move(work),
                    [&done](std::exception_ptr, Result<T, StreamError> result) {
                      std::get<I>(done) = std::move(result);
                    }),
     ...);
  }
  template <class Done, size_t... I>
  auto finish(Done& done, std::index_sequence<I...>) {
    EXPECT_TRUE((std::get<I>(done).has_value() && ...)) << "a coroutine never ended";
    if (!(std::get<I>(done).has_value() && ...)) std::abort();
    return std::make_tuple(std::move(*std::get<I>(done))...);
  }
};

}  // namespace warden::tls
