// SPDX-License-Identifier: Apache-2.0
#include "policy/decide/facts.h"

#include <algorithm>

namespace warden::policy {
namespace {

auto before(const std::pair<std::string, Fact>& entry, std::string_view name) {
  return entry.first < name;
}

}  // namespace

void Facts::set(std::string_view name, Fact value) {
  const auto at = std::lower_bound(facts_.begin(), facts_.end(), name, before);
  if (at != facts_.end() && at->first == name) {
    at->second = std::move(value);
  } else {
    facts_.emplace(at, std::string(name), std::move(value));
  }
}

const Fact& Facts::get(std::string_view name) const {
  static const Fact absent = Absent{};
  const auto at = std::lower_bound(facts_.begin(), facts_.end(), name, before);
  return at != facts_.end() && at->first == name ? at->second : absent;
}

}  // namespace warden::policy
