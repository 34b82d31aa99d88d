// SPDX-License-Identifier: Apache-2.0
// Deadline: runs a function once when time is up, unless it goes out of scope first. Asio does not recall a handler that is
// already queued when its timer is destroyed, so the function must never see a dead frame: the handler holds shared state
// and looks whether the Deadline still lives. One thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <utility>

namespace warden::tls {

class Deadline {
 public:
  Deadline(const boost::asio::any_io_executor& executor, std::chrono::milliseconds after, std::function<void()> act)
      : state_(std::make_shared<State>(State{std::move(act)})), timer_(executor, after) {
    timer_.async_wait([state = state_](boost::system::error_code error) {
      if (error || !state->armed) return;
      state->armed = false;
      state->fired = true;
      state->act();
    });
  }
  ~Deadline() { state_->armed = false; }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  [[nodiscard]] bool fired() const { return state_->fired; }

 private:
  struct State {
    std::function<void()> act;
    bool armed = true;
    bool fired = false;
  };
  std::shared_ptr<State> state_;
  boost::asio::steady_timer timer_;
};

}  // namespace warden::tls
