// SPDX-License-Identifier: Apache-2.0
// Connection: one redirected connection from its first byte to its last: whose it is, what it speaks, for whom it is meant; then
// exchange after exchange, or spliced, or refused. Every end leaves a record.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <optional>
#include <string>
#include <vector>

#include "agent/pipeline/services.h"
#include "policy/decide/facts.h"
#include "tlsproxy/tls/stream.h"

namespace warden::pipeline {

// The application's side of a connection with what was read ahead (pipelining).
struct ClientLeg {
  tls::Stream stream;
  std::string ahead;
};

// What the exchanges of one connection share.
struct Connection {
  Services& services;
  FlowGrant grant;
  ClientLeg client;
  const provider::Service* service = nullptr;
  std::string host;         // lower case; from the hello, or from Host on plain HTTP
  std::optional<tls::Stream> provider;  // kept between exchanges
  std::string provider_key;             // empty: the leg has carried nothing yet
  std::optional<Error<tls::StreamError>> unreached;  // why there was no leg when the application connected
  // In use between a request's reading and its record, where no exchange waits, so that concurrent ones share them too.
  policy::Facts facts;  // identity set once, the rest by each exchange
  std::vector<classify::Segment> segments;
  std::vector<size_t> row_of;
};

// Serves an accepted connection; returns when it is over.
boost::asio::awaitable<void> serve(Services& services, boost::asio::ip::tcp::socket socket);

}  // namespace warden::pipeline
