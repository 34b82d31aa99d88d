// SPDX-License-Identifier: Apache-2.0
// PassingBound: how many connections strict mode may carry at once, by the descriptors that a process may have, and what happens
// before there is no room: new ones go their own way, watched by the kernel's tripwire, until enough have ended.
#pragma once

#include <sys/resource.h>

#include <algorithm>
#include <cstddef>

namespace warden::app {

// Of one worker. A connection takes two sockets, and a pipe for each direction in which bytes are on their way; the rest of the
// descriptors is for LLM connections and the worker's own.
inline size_t passing_max() {
  constexpr size_t kMost = 16'384, kEach = 6;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  return std::min<size_t>(kMost, static_cast<size_t>(limit.rlim_cur) / 2 / kEach);
}

// The supervisor's view of all workers together. Connections are spread over them by chance, so it ends well before the bound.
class PassingBound {
 public:
  explicit PassingBound(size_t most) : high_(most / 2), low_(most / 4) {}
  // Whether new ones are to go their own way, with `open` of them carried now.
  bool suspends(size_t open) {
    if (open >= high_) suspended_ = true;
    if (open <= low_) suspended_ = false;
    return suspended_;
  }

 private:
  size_t high_, low_;
  bool suspended_ = false;
};

}  // namespace warden::app
