// SPDX-License-Identifier: Apache-2.0
// Repeats: of what one process does again and again, such as connections that are seen and not inspected, the first in a while.
// Bounded; what is forgotten for lack of room is told once more.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "agent/kernel/guard.h"

namespace warden::app {

class Repeats {
 public:
  static constexpr int64_t kQuietS = 600;
  static constexpr size_t kMax = 8192;

  // `second`: of any clock that only goes forward.
  bool is_first(const kernel::Event& event, int64_t second) {
    const kernel::ProcessFacts& process = event.flow.process;
    const Key key{process.tgid, process.start_boottime_ns, event.flow.original.to_string(), event.reason};
    const auto found = told_.find(key);
    if (found != told_.end() && second - found->second < kQuietS) return false;
    if (told_.size() >= kMax) told_.clear();
    told_[key] = second;
    return true;
  }

 private:
  using Key = std::tuple<int32_t, uint64_t, std::string, std::string>;
  std::map<Key, int64_t> told_;
};

}  // namespace warden::app
