// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>

namespace warden::app {

// Acts after each period, for the first time after one, until the timer is cancelled or gone.
inline void every(boost::asio::steady_timer& timer, std::chrono::milliseconds period, const std::function<void()>& act) {
  timer.expires_after(period);
  timer.async_wait([&timer, period, act](boost::system::error_code error) {
    if (error) return;
    act();
    every(timer, period, act);
  });
}

}  // namespace warden::app
