// SPDX-License-Identifier: Apache-2.0
// Signal: one coroutine waits until another raises it. Raised before the wait it is not lost; raised twice it wakes once. One
// thread, one waiter.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace warden::pipeline {

class Signal {
 public:
  explicit Signal(const boost::asio::any_io_executor& executor)
      : timer_(executor, boost::asio::steady_timer::time_point::max()) {}

  void raise() {
    if (raised_) return;
    raised_ = true;
    timer_.cancel();
  }
  boost::asio::awaitable<void> wait() {
    while (!raised_) (void)co_await timer_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    raised_ = false;
  }

 private:
  boost::asio::steady_timer timer_;  // never expires
  bool raised_ = false;
};

}  // namespace warden::pipeline
