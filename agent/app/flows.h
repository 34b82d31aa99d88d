// SPDX-License-Identifier: Apache-2.0
// Flows: the connections that workers were granted, with the identity that their records will carry. The supervisor's own
// knowledge: a worker names a flow by number and can name only its own.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>

#include "agent/attribution/identity.h"
#include "agent/base/address.h"
#include "audit/record/draft.h"

namespace warden::app {

struct GrantedFlow {
  uint64_t worker = 0;
  Endpoint original;
  attribution::Identity identity;
  audit::Draft fields;  // identity, ready to be merged into records
};

class Flows {
 public:
  uint64_t grant(GrantedFlow flow) {
    const uint64_t number = next_++;
    flows_.emplace(number, std::make_shared<const GrantedFlow>(std::move(flow)));
    return number;
  }
  // nullptr: there is no such flow, or it is another worker's.
  [[nodiscard]] std::shared_ptr<const GrantedFlow> find(uint64_t number, uint64_t worker) const {
    const auto found = flows_.find(number);
    return found == flows_.end() || found->second->worker != worker ? nullptr : found->second;
  }
  void end(uint64_t number, uint64_t worker) {
    if (find(number, worker)) flows_.erase(number);
  }
  void end_all_of(uint64_t worker) {
    std::erase_if(flows_, [&](const auto& entry) { return entry.second->worker == worker; });
  }
  [[nodiscard]] size_t size() const { return flows_.size(); }

 private:
  uint64_t next_ = 1;
  std::unordered_map<uint64_t, std::shared_ptr<const GrantedFlow>> flows_;
};

}  // namespace warden::app
