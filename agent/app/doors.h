// SPDX-License-Identifier: Apache-2.0
// Doors: where others learn of a running agent, whichever way it runs: the admin socket, the metrics' page, and the file and
// the notice to systemd that say it is ready. Control thread only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "agent/app/admin.h"
#include "agent/app/config.h"
#include "agent/app/report.h"
#include "agent/app/supervisor.h"

namespace warden::app {

class Doors {
 public:
  // `report` is asked at each visit; all parts outlive the doors.
  static Result<std::unique_ptr<Doors>, StartError> open(boost::asio::io_context& io, const AgentConfig& config, Metrics& metrics,
                                                         Observations& observations, const Inventory& inventory,
                                                         std::function<Report()> report);

 private:
  explicit Doors(std::unique_ptr<Admin> admin) : admin_(std::move(admin)) {}
  std::unique_ptr<Admin> admin_;
};

void say_ready(const std::string& run_dir);
// Takes it back; no matter if it was never said.
void say_not_ready(const std::string& run_dir);

}  // namespace warden::app
