// SPDX-License-Identifier: Apache-2.0
// NamespaceShare: how many network namespaces are served for one user, and for all of them together, so that nobody can use
// them up by making more. Root, by whom container runtimes make theirs, has what is left. What is over is not served, and the
// kernel refuses its LLM connections: the user's own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace warden::app {

class NamespaceShare {
 public:
  static constexpr size_t kMax = 4096, kPerUserMax = 512, kUsersMax = 3072;  // all, one user's, all but root's

  // `owner`: kernel::Netns::owner().
  [[nodiscard]] bool has_room(uint32_t owner) const {
    if (all_ >= kMax) return false;
    if (owner == 0) return true;
    const auto found = of_.find(owner);
    return all_ - of_root_ < kUsersMax && (found == of_.end() || found->second < kPerUserMax);
  }
  void take(uint32_t owner) {
    ++all_;
    if (owner == 0)
      ++of_root_;
    else
      ++of_[owner];
  }
  void give_back(uint32_t owner) {
    --all_;
    if (owner == 0)
      --of_root_;
    else if (const auto found = of_.find(owner); --found->second == 0)
      of_.erase(found);
  }

 private:
  size_t all_ = 0, of_root_ = 0;
  std::unordered_map<uint32_t, size_t> of_;
};

}  // namespace warden::app
