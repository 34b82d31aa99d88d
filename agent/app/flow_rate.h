// SPDX-License-Identifier: Apache-2.0
// FlowRate: how many flow records one user, and the host, may cause in a second, so that a loop of connects cannot fill the log.
// What is over is counted by user and reason, with the first of the processes; the counts of a second become a `gap` record when
// the second is over.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace warden::app {

class FlowRate {
 public:
  static constexpr unsigned kPerUserMax = 50, kPerHostMax = 500;
  static constexpr size_t kRowsMax = 48;  // further users' are counted together

  struct Key {
    std::optional<uint32_t> uid;  // nullopt: of several, or nobody knows
    std::string reason;
    auto operator<=>(const Key&) const = default;
  };
  struct Over {
    uint64_t count = 0;
    std::string process;  // of the first
  };
  using Overs = std::map<Key, Over>;

  // `second`: of any clock that only goes forward.
  bool admit(uint32_t uid, std::string_view reason, std::string_view process, int64_t second) {
    turn(second);
    // The host's bound is the table's too: nobody is entered once it is reached.
    if (admitted_ >= kPerHostMax || users_[uid] >= kPerUserMax) return add(over_, {uid, std::string(reason)}, {1, std::string(process)}), false;
    ++users_[uid];
    ++admitted_;
    return true;
  }
  // What was refused in seconds that are over by now, since the last call.
  Overs take_over(int64_t second) {
    turn(second);
    return std::exchange(past_over_, {});
  }
  static void add(Overs& to, Key key, Over over) {
    if (to.size() >= kRowsMax && !to.contains(key)) key.uid.reset(), key.reason = "other";
    Over& row = to[std::move(key)];
    row.count += over.count;
    if (row.process.empty()) row.process = std::move(over.process);
  }

 private:
  void turn(int64_t second) {
    if (second == second_) return;
    for (auto& [key, over] : std::exchange(over_, {})) add(past_over_, key, std::move(over));
    second_ = second;
    admitted_ = 0;
    users_.clear();
  }

  int64_t second_ = -1;
  unsigned admitted_ = 0;
  Overs over_, past_over_;
  std::unordered_map<uint32_t, unsigned> users_;
};

}  // namespace warden::app
