// SPDX-License-Identifier: Apache-2.0
// What the agent says of itself, in its three forms: the answer to `status`, the gauges of a scrape, and heartbeat records.
#pragma once

#include <boost/json/fwd.hpp>
#include <chrono>
#include <string>

#include "agent/app/config.h"
#include "agent/app/desk.h"
#include "agent/app/kubernetes.h"
#include "agent/app/metrics.h"
#include "agent/app/recorder.h"
#include "agent/app/workers.h"
#include "agent/kernel/guard.h"
#include "audit/record/draft.h"
#include "policy/decide/decide.h"

namespace warden::app {

// The parts it is told from; control thread, for the length of a call.
struct Report {
  const AgentConfig& config;
  const kernel::Guard& guard;
  const Recorder& recorder;
  const Desk& desk;
  const std::string& guarded;  // the cgroup
  const PodWatch* pods = nullptr;  // nullptr: there is no API server to ask
  bool ready = false;
  // nullptr: the agent only observes.
  const policy::Program* program = nullptr;
  const Workers* workers = nullptr;
  const Namespaces* namespaces = nullptr;
  bool strict_suspended = false;
};

boost::json::object status(const Report& report);
void refresh(Metrics& metrics, const Report& report);
// With what was added to the inventory since the last one.
audit::Draft heartbeat(const Report& report, Inventory& inventory);
constexpr auto kHeartbeatRecordEvery = std::chrono::seconds(10);
// The last record of a log's epoch that was ended on purpose.
audit::Draft record_of_stop(std::string reason);

}  // namespace warden::app
