// SPDX-License-Identifier: Apache-2.0
// Residents: the processes of the guarded tree by the kernel's word, so that one that leaves it is noticed: outside, what it
// connects from then on is not seen. Only root can do that. Control thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_set>

#include "agent/kernel/guard.h"

namespace warden::app {

class Residents {
 public:
  // Those who live below `guarded` already. To be called when the guard stands, so that nobody falls between.
  void scan(const std::string& guarded);
  // Of exec, fork, exit, entered and left. True: a guarded process, or one's child, is outside now.
  bool leaves(const kernel::Event& event);
  // What was last known of a guarded process that has ended; of the latest few hundred.
  [[nodiscard]] std::optional<kernel::ProcessFacts> recall(int32_t pid) const;
  [[nodiscard]] size_t size() const { return pids_.size(); }

 private:
  static constexpr size_t kMax = size_t{1} << 20;
  static constexpr size_t kEnded = 512;
  std::unordered_set<int32_t> pids_;
  std::deque<kernel::ProcessFacts> ended_;
};

}  // namespace warden::app
