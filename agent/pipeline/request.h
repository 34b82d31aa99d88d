// SPDX-License-Identifier: Apache-2.0
// Request: one HTTP request of the application, whole, with the exact bytes it sent, and what of it is sent on. `body` is what a
// dialect reads: framing and content coding removed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/pipeline/bodies.h"
#include "tlsproxy/http/coding.h"
#include "tlsproxy/http/parser.h"
#include "tlsproxy/provider/prompt.h"

namespace warden::pipeline {

struct Request {
  explicit Request(Bodies& bodies) : raw(bodies), unframed(bodies), decoded(bodies) {}

  BodyBuffer raw;         // HTTP/1.1: head and framed body; HTTP/2: the body
  BodyBuffer unframed;    // body of a chunked request
  BodyBuffer decoded;     // body of a coded request
  std::string_view body;  // views one of the three
  http::Coding coding = http::Coding::identity;
  bool whole = false;                 // it has been read to its end
  BodyFault fault = BodyFault::none;  // there was no room for the body, and what was held of it is dropped
  const http::Head* known_head = nullptr;  // its reader's; nullptr until the head is whole and sound

  [[nodiscard]] const http::Head& head() const;  // an empty one until it is known
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
  int status = 0;  // what the refusal must say, where that is not policy's matter; 0: it is
};
std::string_view reason(const ReadResult& result);  // of a request that did not come whole and sound

ReadResult unreadable(provider::Unreadable why, bool usable);
// What was held goes at once: the log may need the very disk to record it.
ReadResult no_room(Request& request, BodyFault fault);
// Why a request must not be read further, known from its head alone.
std::optional<ReadResult> refuse_head(Request& request, uint64_t body_bytes_max);
// Removes the content coding of a body that is whole; `sent` is that body without framing.
ReadResult decode_body(Request& request, std::string_view sent, uint64_t body_bytes_max);

// Media type of a message: lower case, without parameters.
std::string content_type(const http::Head& head);

// What is to be sent: the application's own bytes, or the edited body in their place. The body is held only until it is sent: an
// answer may stream for many minutes.
class Sendable {
 public:
  Sendable(Request& request, std::optional<BodyBuffer>& edited_body) : request_(request), edited_(edited_body) {}
  Sendable(const Sendable&) = delete;
  Sendable& operator=(const Sendable&) = delete;

  [[nodiscard]] const Request& request() const { return request_; }
  [[nodiscard]] bool edited() const { return edited_.has_value(); }
  [[nodiscard]] std::string_view bytes() const { return edited_ ? edited_->view() : request_.raw.view(); }
  void sent();

 private:
  Request& request_;
  std::optional<BodyBuffer>& edited_;
};

}  // namespace warden::pipeline
