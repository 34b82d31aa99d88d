// SPDX-License-Identifier: Apache-2.0
// Signals: what the supervisor is told by signal, in its loop. From before execve until somebody handles them they are kept
// waiting, since most would end a program that does not expect them yet.
#pragma once

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <functional>

namespace warden::app {

class Signals {
 public:
  struct Handlers {
    std::function<void()> reload, stop, upgrade;
    std::function<void(pid_t child, int status)> ended;  // a child, reaped
  };
  Signals(boost::asio::io_context& io, Handlers handlers) : set_(io), handlers_(std::move(handlers)) {}

  void watch();
  // From here on they are the next program's.
  void leave_to_next();

 private:
  void wait();
  void handle(int signal);
  void reap();

  boost::asio::signal_set set_;
  Handlers handlers_;
  bool left_ = false;
};

}  // namespace warden::app
