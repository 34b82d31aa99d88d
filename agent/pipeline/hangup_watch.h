// SPDX-License-Identifier: Apache-2.0
// HangupWatch: calls back once when the application closes its side while we work for it, so that the provider stops working
// (and billing) for nobody. Data that arrives meanwhile (pipelining, a close_notify) is left alone; since it would wake us
// again at once, the connection is then looked at from time to time instead. Nothing else may wait on the socket to read.
#pragma once

#include <functional>
#include <memory>

#include "tlsproxy/tls/stream.h"

namespace warden::pipeline {

class HangupWatch {
 public:
  HangupWatch(tls::Stream::Socket& socket, std::function<void()> on_hangup);
  ~HangupWatch();
  HangupWatch(const HangupWatch&) = delete;
  HangupWatch& operator=(const HangupWatch&) = delete;

 private:
  struct Shared;
  static void wait(const std::shared_ptr<Shared>& shared);
  static void look(const std::shared_ptr<Shared>& shared);

  std::shared_ptr<Shared> shared_;
};

}  // namespace warden::pipeline
