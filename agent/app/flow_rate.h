// SPDX-License-Identifier: Apache-2.0
// FlowRate: how many flow records one user, and the host, may cause in a second, so that a loop of connects cannot fill the log.
// What is over is counted; the count of a second becomes a `gap` record when the second is over.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <utility>

namespace warden::app {

class FlowRate {
 public:
  static constexpr unsigned kPerUserMax = 50, kPerHostMax = 500;

  // `second`: of any clock that only goes forward.
  bool admit(uint32_t uid, int64_t second) {
    if (second != second_) {
      past_over_ += std::exchange(over_, 0);
      second_ = second;
      admitted_ = 0;
      users_.clear();
    }
    // The host's bound is the table's too: nobody is entered once it is reached.
    if (admitted_ >= kPerHostMax || users_[uid] >= kPerUserMax) return ++over_, false;
    ++users_[uid];
    ++admitted_;
    return true;
  }
  // What was refused in seconds that are over by now, since the last call.
  uint64_t take_over(int64_t second) {
    if (second != second_) past_over_ += std::exchange(over_, 0);
    return std::exchange(past_over_, 0);
  }

 private:
  int64_t second_ = -1;
  unsigned admitted_ = 0;
  uint64_t over_ = 0, past_over_ = 0;
  std::unordered_map<uint32_t, unsigned> users_;
};

}  // namespace warden::app
