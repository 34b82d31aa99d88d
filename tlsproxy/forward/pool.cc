// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/forward/pool.h"

namespace warden::forward {

bool is_quiet(tls::Stream& stream) {
  return stream.is_quiet();
}

std::optional<tls::Stream> Pool::take(const std::string& key) {
  const auto found = idle_.find(key);
  if (found == idle_.end()) return std::nullopt;
  std::deque<Idle>& list = found->second;
  // Newest first: its congestion window is warm and it is the least likely to have been closed.
  while (!list.empty()) {
    Idle idle = std::move(list.back());
    list.pop_back();
    --size_;
    if (Clock::now() - idle.since < limits_.idle_max && is_quiet(idle.stream)) return std::move(idle.stream);
  }
  idle_.erase(found);
  return std::nullopt;
}

void Pool::put(const std::string& key, tls::Stream stream) {
  if (size_ >= limits_.total_max || !is_quiet(stream)) return;
  std::deque<Idle>& list = idle_[key];
  if (list.size() >= limits_.per_key_max) {
    list.pop_front();
    --size_;
  }
  list.push_back({std::move(stream), Clock::now()});
  ++size_;
}

void Pool::expire() {
  const auto oldest = Clock::now() - limits_.idle_max;
  for (auto entry = idle_.begin(); entry != idle_.end();) {
    std::deque<Idle>& list = entry->second;
    while (!list.empty() && list.front().since < oldest) {
      list.pop_front();
      --size_;
    }
    entry = list.empty() ? idle_.erase(entry) : std::next(entry);
  }
}

}  // namespace warden::forward
