// SPDX-License-Identifier: Apache-2.0
// Request: one HTTP request of the application, whole, with the exact bytes it sent. What is forwarded when nothing is edited is
// `raw` itself; `body` is what a dialect reads: framing and content coding removed.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "tlsproxy/http/coding.h"
#include "tlsproxy/http/parser.h"
#include "tlsproxy/provider/prompt.h"
#include "tlsproxy/tls/stream.h"

namespace warden::pipeline {

struct Request {
  http::Parser parser{http::Side::request};
  std::string raw;        // head and framed body
  std::string unframed;   // body of a chunked request
  std::string decoded;    // body of a coded request
  std::string_view body;  // views one of the three
  http::Coding coding = http::Coding::identity;

  [[nodiscard]] const http::Head& head() const { return parser.head(); }
  [[nodiscard]] std::string_view path() const;   // of the target, without the query
  [[nodiscard]] std::string_view query() const;  // without '?'
  void reset();
};

enum class ReadEnd : uint8_t {
  complete,
  closed,       // orderly, between requests
  broken,       // the peer went away or was silent too long in the middle
  malformed,    // not HTTP, or two parsers could differ: the connection cannot go on
  unreadable,   // HTTP is sound, but the body cannot be read: `why`
};

struct ReadResult {
  ReadEnd end = ReadEnd::closed;
  provider::Unreadable why{};
  bool connection_usable = true;  // false: body bytes are still on their way
};

// Media type of a message: lower case, without parameters.
std::string content_type(const http::Head& head);

// The application's side of a connection with what was read ahead (pipelining).
struct ClientLeg {
  tls::Stream stream;
  std::string ahead;
};

boost::asio::awaitable<ReadResult> read_request(ClientLeg& client, Request& request, uint64_t body_bytes_max);

}  // namespace warden::pipeline
