// SPDX-License-Identifier: Apache-2.0
// OlderProviders: those that were offered HTTP/2 and chose HTTP/1.1, for some minutes. Bounded; one per worker.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <unordered_map>

namespace warden::pipeline {

class OlderProviders {
 public:
  [[nodiscard]] bool knows(const std::string& name) const {
    const auto found = until_.find(name);
    return found != until_.end() && Clock::now() < found->second;
  }
  void note(const std::string& name) {
    if (until_.size() >= kMax && !until_.contains(name)) until_.erase(until_.begin());
    until_[name] = Clock::now() + kLife;
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr size_t kMax = 1024;
  static constexpr std::chrono::minutes kLife{10};
  std::unordered_map<std::string, Clock::time_point> until_;
};

}  // namespace warden::pipeline
