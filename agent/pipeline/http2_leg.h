// SPDX-License-Identifier: Apache-2.0
// Http2Leg: a session on its stream: what reads and feeds it, and what takes and writes. Nothing is buffered beyond one write and
// what the session holds; who fills the session asks for room() first, so a slow reader is felt at the other leg.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <optional>

#include "agent/pipeline/signal.h"
#include "tlsproxy/http/http2_session.h"
#include "tlsproxy/tls/deadline.h"
#include "tlsproxy/tls/stream.h"

namespace warden::pipeline {

class Http2Leg {
 public:
  using Role = http::Http2Session::Role;
  Http2Leg(tls::Stream& stream, Role role, http::Http2Events& events, std::span<const http::Http2Setting> settings);

  http::Http2Session session;

  // Until the peer ends, or close(). `source`: the leg that what is read here goes to; `after` runs when something was fed,
  // outside of the session's own calls. `ahead` was read before.
  boost::asio::awaitable<void> read(Http2Leg* source, std::function<void()> after, std::string ahead = {});
  // Until the session is over (then the stream is shut down and soon closed), or close(). `before` runs before each look.
  boost::asio::awaitable<void> write(std::function<void()> before);
  void flush() { output_.raise(); }  // something is to be sent
  void close();
  [[nodiscard]] bool closed() const { return closed_; }

 private:
  boost::asio::awaitable<void> room();
  void close_soon();

  tls::Stream& stream_;
  Signal output_;
  Signal room_;
  std::optional<tls::Deadline> lingering_;
  bool closed_ = false;
};

}  // namespace warden::pipeline
