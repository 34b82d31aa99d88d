// SPDX-License-Identifier: Apache-2.0
#include "agent/app/doors.h"

#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <boost/json.hpp>

#include "agent/base/file.h"
#include "agent/base/log.h"

namespace warden::app {
namespace {

std::string ready_path(const std::string& run_dir) { return run_dir + "/ready"; }

}  // namespace

Result<std::unique_ptr<Doors>, StartError> Doors::open(boost::asio::io_context& io, const AgentConfig& config, Metrics& metrics,
                                                       Observations& observations, const Inventory& inventory,
                                                       std::function<Report()> report) {
  auto admin = Admin::listen(io, config.run_dir + "/admin.sock", {[report] { return status(report()); }, &observations, &inventory});
  if (!admin) return fail(StartError::admin, admin.error().detail);
  if (config.metrics_listen)
    if (auto listening = metrics.listen(io, config.metrics_listen->to_string(), [&metrics, report] { refresh(metrics, report()); }); !listening)
      return fail(StartError::metrics, listening.error().detail);
  return std::unique_ptr<Doors>(new Doors(std::move(*admin)));
}

void say_ready(const std::string& run_dir) {
  if (auto written = write_file(ready_path(run_dir), std::to_string(::getpid()) + "\n", 0644); !written)
    log::error("{}", written.error().detail);
  ::sd_notify(0, "READY=1");
}

void say_not_ready(const std::string& run_dir) { ::unlink(ready_path(run_dir).c_str()); }

}  // namespace warden::app
