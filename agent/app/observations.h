// SPDX-License-Identifier: Apache-2.0
// Observations: what `observe` shows, the latest decisions. Bounded; the log is the truth, this is the view.
#pragma once

#include <boost/json/fwd.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agent/app/flows.h"
#include "audit/record/draft.h"

namespace warden::app {

struct Observation {
  int64_t time_us = 0;
  std::string req, user, exe, comm, unit, pod;
  int64_t uid = 0, pid = 0;
  std::string provider, host, model, op, verdict, action, reason, capture;
  std::vector<std::string> rules, classes;
  int64_t status = 0;  // 0: not known yet
};

struct ObserveFilter {
  std::string user, process, provider, verdict;
  int64_t since_us = 0;
  [[nodiscard]] bool passes(const Observation& observation) const;
};

class Observations {
 public:
  using Follower = std::function<void(const Observation&)>;

  void decided(const GrantedFlow& flow, const audit::Draft& record);  // decision or flow records
  void ended(const audit::Draft& outcome);
  [[nodiscard]] std::vector<const Observation*> select(const ObserveFilter& filter) const;
  // Called for each new observation until unfollow(number).
  uint64_t follow(Follower follower);
  void unfollow(uint64_t number);

 private:
  std::deque<Observation> latest_;
  uint64_t dropped_ = 0;                              // observations that left the front of latest_
  std::unordered_map<std::string, uint64_t> by_req_;  // number counted from the first ever
  std::map<uint64_t, Follower> followers_;
  uint64_t next_follower_ = 1;
};

boost::json::object to_json(const Observation& observation);

}  // namespace warden::app
