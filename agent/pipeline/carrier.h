// SPDX-License-Identifier: Apache-2.0
// Carrier: how the messages of an exchange come and go, so that the exchange itself is told once whatever HTTP version carries
// it. Message in: read. Message out: one of our own (refuse), or the application's to its provider and the answer back (reach,
// relay). http1.h is a connection that carries one exchange after another, http2_stream.h one stream among many.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string_view>

#include "agent/pipeline/answer.h"
#include "agent/pipeline/request.h"
#include "tlsproxy/provider/dialect.h"
#include "tlsproxy/tls/stream.h"

namespace warden::pipeline {

class Carrier {
 public:
  virtual ~Carrier() = default;
  Carrier(const Carrier&) = delete;
  Carrier& operator=(const Carrier&) = delete;

  // The next request; what it says stands in request() until the next call.
  virtual boost::asio::awaitable<ReadResult> read() = 0;
  [[nodiscard]] virtual Request& request() = 0;
  // Answers in the provider's stead. False: nothing can follow on the connection (which has been ended gently, so that the
  // answer is read). `usable`: the request was read to its end.
  virtual boost::asio::awaitable<bool> refuse(const provider::Refusal& refusal, bool usable) = 0;
  // A provider leg that can take the request. Given up when the application leaves meanwhile: then, and only then, the error
  // is `cancelled`.
  virtual tls::Async<void> reach(std::string_view credential_fingerprint) = 0;
  // Sends on the leg that was reached, and carries the answer back as it arrives.
  virtual boost::asio::awaitable<Answer> relay(Sendable& sendable, const provider::Dialect* dialect) = 0;

 protected:
  Carrier() = default;
};

}  // namespace warden::pipeline
