// SPDX-License-Identifier: Apache-2.0
#include "agent/app/observer.h"

#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdlib>

#include "agent/app/doors.h"
#include "agent/app/every.h"
#include "agent/app/guard_config.h"
#include "agent/app/report.h"
#include "agent/app/sensor.h"
#include "agent/app/setup.h"
#include "agent/app/signals.h"
#include "agent/base/log.h"

namespace warden::app {
namespace asio = boost::asio;
using std::chrono::milliseconds;

namespace {

constexpr auto kBeatEvery = milliseconds(200);

class Observer final : public Supervisor {
 public:
  Observer(AgentConfig config, Program program) : config_(std::move(config)), upgrade_(io_, std::move(program)) {}

  Result<void, StartError> begin() {
    if (::geteuid() != 0) return fail(StartError::privileges, "the supervisor must run as root: start it by systemd or sudo");
    if (auto made = make_directories(config_); !made) return made;
    say_not_ready(config_.run_dir);
    if (auto made = open_log(); !made) return made;
    if (auto made = open_sensor(); !made) return made;
    return open_doors();
  }

  int run() override {
    signals_.watch();
    sensor_->watch();
    every(beat_timer_, kBeatEvery, [this] { beat(); });
    every(heartbeat_timer_, kHeartbeatRecordEvery, [this] { recorder_->note(heartbeat(report(), inventory_)); });
    every(resolve_timer_, kResolveEvery, [this] { sensor_->resolve_again(); });
    beat();
    log::info("observing {}: LLM traffic is recorded, and neither redirected nor refused", sensor_->guarded());
    become_ready();
    io_.run();
    return 0;
  }

 private:
  Result<void, StartError> open_log() {
    auto pack = classify::Pack::load();  // what an application names itself may hold data
    if (!pack) return fail(StartError::policy, "classifier: " + pack.error().detail);
    auto log = log_setup(config_, *pack);
    if (!log) return std::unexpected(log.error());
    auto recorder = open_recorder(io_, metrics_, config_, *log);
    if (!recorder) return std::unexpected(recorder.error());
    recorder_ = std::move(*recorder);
    return {};
  }

  Result<void, StartError> open_sensor() {
    auto catalogue = catalogue_setup(config_);
    if (!catalogue) return std::unexpected(catalogue.error());
    catalogue_ = std::move(*catalogue);
    const auto root = cgroup2_root();
    if (!root) return std::unexpected(root.error());
    const std::string& guarded = config_.intercept.cgroup.empty() ? *root : config_.intercept.cgroup;
    auto sensor = Sensor::open({io_, config_, *catalogue_, *recorder_, observations_, inventory_, metrics_},
                               guard_config(config_, guarded, /*exempt_cgroup=*/0), Strays::Existing::leave);
    if (!sensor) return std::unexpected(sensor.error());
    sensor_ = std::move(*sensor);
    return sensor_->tell_destinations(kFirstResolvePatience);
  }

  Result<void, StartError> open_doors() {
    auto doors = Doors::open(io_, config_, metrics_, observations_, inventory_, [this] { return report(); });
    if (!doors) return std::unexpected(doors.error());
    doors_ = std::move(*doors);
    return {};
  }

  Signals::Handlers handlers() {
    return {[] { log::info("nothing to reload: there is no policy in observe mode"); }, [this] { stop(); }, [this] { begin_upgrade(); },
            [this](pid_t child, int status) { upgrade_.ended(child, status); }};
  }

  void beat() {
    sensor_->catch_up();
    sensor_->guard().beat();
    ::sd_notify(0, "WATCHDOG=1");
  }

  void become_ready() {
    ready_ = true;
    say_ready(config_.run_dir);
  }

  // Nobody waits for us: there is nothing to drain.
  void stop() {
    ::sd_notify(0, "STOPPING=1");
    close_log("terminated");
    io_.stop();
  }

  // What happens meanwhile waits in the kernel's ring.
  void begin_upgrade() {
    upgrade_.try_out([this](const std::string& refusal) {
      if (!refusal.empty()) {
        log::error("not upgraded, this program goes on: {}", refusal);
        return recorder_->note(record_of_refused_upgrade());
      }
      log::info("becoming the program that stands at this one's path");
      signals_.leave_to_next();
      close_log("upgraded");
      doors_.reset();
      upgrade_.become();
      log::error("no upgrade, and no way back: neither program can be run");
      std::_Exit(1);
    });
  }

  void close_log(std::string reason) {
    say_not_ready(config_.run_dir);
    sensor_->finish();
    recorder_->note(heartbeat(report(), inventory_));
    recorder_->note(record_of_stop(std::move(reason)));
    recorder_->close();
  }

  [[nodiscard]] Report report() const {
    return {config_, sensor_->guard(), *recorder_, sensor_->desk(), sensor_->guarded(), sensor_->pods(), ready_};
  }

  AgentConfig config_;
  asio::io_context io_{1};
  Metrics metrics_;
  Observations observations_;
  Inventory inventory_;
  std::shared_ptr<const provider::Catalogue> catalogue_;
  std::unique_ptr<Recorder> recorder_;
  std::unique_ptr<Sensor> sensor_;
  std::unique_ptr<Doors> doors_;
  Signals signals_{io_, handlers()};
  Upgrade upgrade_;
  asio::steady_timer beat_timer_{io_}, heartbeat_timer_{io_}, resolve_timer_{io_};
  bool ready_ = false;
};

}  // namespace

Result<std::unique_ptr<Supervisor>, StartError> start_observing(AgentConfig config, Program program) {
  auto observer = std::make_unique<Observer>(std::move(config), std::move(program));
  if (auto begun = observer->begin(); !begun) return std::unexpected(begun.error());
  return observer;
}

}  // namespace warden::app
