// SPDX-License-Identifier: Apache-2.0
// Flows: the connections that workers were granted, with the identity that their records will carry. The supervisor's own
// knowledge: a worker names a flow by number and can name only its own, and of an exchange only one that it began there.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "agent/app/inventory.h"
#include "agent/attribution/identity.h"
#include "agent/base/address.h"
#include "agent/kernel/guard.h"
#include "audit/record/draft.h"

namespace warden::app {

// Exchanges of one flow that have a decision and no outcome yet. A connection of HTTP/2 runs hundreds at a time; some never have
// an outcome (the decision could not be recorded), so the oldest give way.
class OpenExchanges {
 public:
  static constexpr size_t kReqBytesMax = 64;
  // False: not a name of an exchange, or one that is open already.
  bool begin(const std::string& req) {
    if (req.empty() || req.size() > kReqBytesMax || std::ranges::find(open_, req) != open_.end()) return false;
    if (open_.size() == kOpenMax) open_.pop_front();
    open_.push_back(req);
    return true;
  }
  // False: never begun here, or ended before.
  bool end(const std::string& req) { return std::erase(open_, req) > 0; }
  [[nodiscard]] const std::deque<std::string>& all() const { return open_; }

 private:
  static constexpr size_t kOpenMax = 1024;
  std::deque<std::string> open_;
};

struct GrantedFlow {
  uint64_t worker = 0;
  Endpoint original;
  uint64_t netns = 0;  // cookie of the network namespace it lives in, where that is not ours
  std::string host;    // the name under which the address is guarded
  attribution::Identity identity;
  std::shared_ptr<const audit::Draft> facts;  // identity and destination, as records stand on them
  OpenExchanges exchanges;
  // To an unknown address (strict mode): the kernel's facts, from which identity and facts are made once they are asked for.
  std::optional<kernel::Flow> unknown;
  bool passed = false;
  InventoryKey counted;     // the inventory's row of its latest record
  bool in_inventory = false;  // the connection itself has been counted
};

class Flows {
 public:
  uint64_t grant(GrantedFlow flow) {
    const uint64_t number = next_++;
    unknown_ += flow.unknown ? 1 : 0;
    flows_.emplace(number, std::make_shared<GrantedFlow>(std::move(flow)));
    return number;
  }
  // One that an earlier program granted; numbers from `next` on are free.
  void restore(uint64_t number, GrantedFlow flow) {
    unknown_ += flow.unknown ? 1 : 0;
    flows_.emplace(number, std::make_shared<GrantedFlow>(std::move(flow)));
  }
  void go_on_from(uint64_t next) { next_ = next; }
  [[nodiscard]] uint64_t next() const { return next_; }
  [[nodiscard]] const std::unordered_map<uint64_t, std::shared_ptr<GrantedFlow>>& all() const { return flows_; }
  // nullptr: there is no such flow, or it is another worker's.
  [[nodiscard]] std::shared_ptr<GrantedFlow> find(uint64_t number, uint64_t worker) const {
    const auto found = flows_.find(number);
    return found == flows_.end() || found->second->worker != worker ? nullptr : found->second;
  }
  void end(uint64_t number, uint64_t worker) {
    const auto flow = find(number, worker);
    if (!flow) return;
    unknown_ -= flow->unknown ? 1 : 0;
    flows_.erase(number);
  }
  void end_all_of(uint64_t worker) {
    std::erase_if(flows_, [&](const auto& entry) {
      if (entry.second->worker != worker) return false;
      unknown_ -= entry.second->unknown ? 1 : 0;
      return true;
    });
  }
  [[nodiscard]] size_t size() const { return flows_.size(); }
  [[nodiscard]] size_t unknown() const { return unknown_; }  // those to unknown addresses

 private:
  uint64_t next_ = 1;
  size_t unknown_ = 0;
  std::unordered_map<uint64_t, std::shared_ptr<GrantedFlow>> flows_;
};

}  // namespace warden::app
