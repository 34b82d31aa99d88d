// SPDX-License-Identifier: Apache-2.0
// Http1: a connection that carries one exchange after another (HTTP/1.1, plain or in TLS). What is forwarded when nothing is
// edited are the very bytes that came.
#pragma once

#include <string>

#include "agent/pipeline/carrier.h"
#include "agent/pipeline/connection.h"

namespace warden::pipeline {

class Http1 final : public Carrier {
 public:
  explicit Http1(Connection& connection) : connection_(connection), request_(connection.services.bodies) {}

  // Waits for the request without a buffer, as most connections do most of the time.
  boost::asio::awaitable<ReadResult> read() override;
  [[nodiscard]] Request& request() override { return request_; }
  boost::asio::awaitable<bool> refuse(const provider::Refusal& refusal, bool usable) override;
  tls::Async<void> reach(std::string_view credential_fingerprint) override;
  boost::asio::awaitable<Answer> relay(Sendable& sendable, const provider::Dialect* dialect) override;

 private:
  boost::asio::awaitable<ReadResult> read_request();
  [[nodiscard]] std::span<char> room_for_more();

  Connection& connection_;
  http::Parser parser_{http::Side::request};
  Request request_;
};

// Serves the connection to its end.
boost::asio::awaitable<void> serve_http1(Connection& connection);

}  // namespace warden::pipeline
