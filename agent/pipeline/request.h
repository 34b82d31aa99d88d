// SPDX-License-Identifier: Apache-2.0
// Request: one HTTP request of the application, whole, with the exact bytes it sent. What is forwarded when nothing is edited is
// `raw` itself; `body` is what a dialect reads: framing and content coding removed.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "agent/pipeline/bodies.h"
#include "tlsproxy/http/coding.h"
#include "tlsproxy/http/parser.h"
#include "tlsproxy/provider/prompt.h"
#include "tlsproxy/tls/stream.h"

namespace warden::pipeline {

struct Request {
  explicit Request(Bodies& bodies) : raw(bodies), unframed(bodies), decoded(bodies) {}

  http::Parser parser{http::Side::request};
  BodyBuffer raw;         // head and framed body
  BodyBuffer unframed;    // body of a chunked request
  BodyBuffer decoded;     // body of a coded request
  std::string_view body;  // views one of the three
  http::Coding coding = http::Coding::identity;
  BodyFault fault = BodyFault::none;  // there was no room for the body, and what was held of it is dropped

  [[nodiscard]] const http::Head& head() const { return parser.head(); }
  [[nodiscard]] std::string_view path() const;   // of the target, without the query
  [[nodiscard]] std::string_view query() const;  // without '?'
  void drop_body();  // nobody looks at it any more; the head stays
  void reset();
};

enum class ReadEnd : uint8_t {
  complete,
  closed,       // orderly, between requests
  broken,       // the peer went away or was silent too long in the middle
  malformed,    // not HTTP, or two parsers could differ: the connection cannot go on
  unreadable,   // HTTP is sound, but the body cannot be read: `why`, or `fault`
};

struct ReadResult {
  ReadEnd end = ReadEnd::closed;
  provider::Unreadable why{};
  bool connection_usable = true;  // false: body bytes are still on their way
  BodyFault fault = BodyFault::none;  // unreadable for want of room, which is our matter
};
std::string_view reason(const ReadResult& result);  // of a request that did not come whole and sound

// Media type of a message: lower case, without parameters.
std::string content_type(const http::Head& head);

// The application's side of a connection with what was read ahead (pipelining).
struct ClientLeg {
  tls::Stream stream;
  std::string ahead;
};

boost::asio::awaitable<ReadResult> read_request(ClientLeg& client, Request& request, uint64_t body_bytes_max);

}  // namespace warden::pipeline
