// SPDX-License-Identifier: Apache-2.0
#include "agent/app/supervisor.h"

#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "agent/app/doors.h"
#include "agent/app/every.h"
#include "agent/app/guard_config.h"
#include "agent/app/namespaces.h"
#include "agent/app/observer.h"
#include "agent/app/passing_bound.h"
#include "agent/app/policy_source.h"
#include "agent/app/report.h"
#include "agent/app/sensor.h"
#include "agent/app/setup.h"
#include "agent/app/signals.h"
#include "agent/app/spool_files.h"
#include "agent/base/clock.h"
#include "agent/base/digest.h"
#include "agent/base/log.h"
#include "agent/kernel/pulse.h"
#include "agent/trust/store.h"

namespace warden::app {
namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr auto kPingEvery = milliseconds(200);
constexpr auto kAliveWithin = milliseconds(1000);
constexpr auto kSweepEvery = seconds(5);

std::unexpected<Error<StartError>> refuse(StartError code, std::string detail) { return fail(code, std::move(detail)); }

class Control final : public Supervisor {
 public:
  Control(AgentConfig config, Program program, std::optional<Inheritance> inheritance)
      : config_(std::move(config)), upgrade_(io_, std::move(program)), inheritance_(std::move(inheritance)) {}

  Result<void, StartError> begin() {
    if (::geteuid() != 0) return refuse(StartError::privileges, "the supervisor must run as root: start it by systemd or sudo");
    take_over();
    if (auto made = make_directories(config_); !made) return made;
    if (!handover_) say_not_ready(config_.run_dir);
    if (auto made = open_policy(); !made) return made;
    if (auto made = open_authority(); !made) return made;
    if (auto made = open_log(); !made) return made;
    if (auto made = open_kernel(); !made) return made;
    if (auto made = start_workers(); !made) return made;
    if (auto made = open_doors(); !made) return made;
    return {};
  }

  int run() override {
    signals_.watch();
    sensor_->watch();
    beat();
    every(heartbeat_timer_, kHeartbeatRecordEvery, [this] { recorder_->note(heartbeat(report(), inventory_)); });
    every(sweep_timer_, kSweepEvery, [this] {
      namespaces_->sweep();
      sensor_->strays().forget_all_but([this](uint64_t netns) { return namespaces_->diag(netns) >= 0; });
    });
    every(resolve_timer_, kResolveEvery, [this] { sensor_->resolve_again(); });
    log::info("guarding {}; {} workers, policy {} {}", sensor_->guarded(), config_.workers, policy::bundle_name(*policy_.program),
              policy::version(*policy_.program));
    io_.run();
    return 0;
  }

 private:
  // The workers of the program before this one serve on while this one starts.
  void take_over() {
    if (!inheritance_) return;
    auto read = inheritance_->read();
    if (!read) return log::error("running streams are cut: {}", read.error().detail);
    pulse_ = std::make_unique<kernel::Pulse>(config_.bpffs_dir);
    handover_ = std::move(*read);
  }

  Result<void, StartError> open_policy() {
    auto pack = classify::Pack::load();
    if (!pack) return refuse(StartError::policy, "classifier: " + pack.error().detail);
    pack_ = std::move(*pack);
    auto loaded = load_policy(config_, *pack_);
    if (!loaded) return refuse(StartError::policy, loaded.error().detail);
    policy_ = std::move(*loaded);
    return {};
  }

  Result<void, StartError> open_authority() {
    auto catalogue = catalogue_setup(config_);
    if (!catalogue) return std::unexpected(catalogue.error());
    catalogue_ = std::move(*catalogue);
    std::vector<std::string> names;
    for (const provider::Service& service : catalogue_->services())
      if (service.tls) names.push_back(service.host);
    auto authority = tls::Authority::open(config_.trust.ca_dir, names);
    if (!authority) return refuse(StartError::authority, authority.error().detail);
    authority_ = std::move(*authority);
    if (config_.trust.inject)
      if (auto injected = trust::inject(authority_->root_paths()); !injected)
        log::warn("the host's trust store was not changed: {}", injected.error().detail);
    return {};
  }

  Result<void, StartError> open_log() {
    auto log = log_setup(config_, pack_);
    if (!log) return std::unexpected(log.error());
    if (inheritance_) log->start_reason = "upgraded";
    if (handover_) log->in_flight = in_flight(*handover_);
    auto recorder = open_recorder(io_, metrics_, config_, *log);
    if (!recorder) return std::unexpected(recorder.error());
    recorder_ = std::move(*recorder);
    record_policy();
    return {};
  }

  Result<void, StartError> open_kernel() {
    const auto root = cgroup2_root();
    if (!root) return std::unexpected(root.error());
    // A name of this instance that survives restarts, so that the exempt cgroup's id does too.
    auto workers = workers_cgroup(*root, hex(view(sha256(config_.state_dir))).substr(0, 8));
    if (!workers) return refuse(StartError::workers, workers.error().detail);
    workers_cgroup_ = std::move(*workers);
    const uint64_t exempt = kernel::cgroup_id(workers_cgroup_).value_or(0);
    kernel::GuardConfig guard = guard_config(config_, config_.intercept.cgroup.empty() ? *root : config_.intercept.cgroup, exempt);
    guard.forget_listeners = inheritance_ && !handover_;
    auto sensor = Sensor::open({io_, config_, *catalogue_, *recorder_, observations_, inventory_, metrics_, authority_.get()}, guard,
                               config_.intercept.reset_existing ? Strays::Existing::end : Strays::Existing::spare);
    if (!sensor) return std::unexpected(sensor.error());
    sensor_ = std::move(*sensor);
    if (inheritance_) inheritance_->drop();  // not before: as long as those workers live, nobody else gets their port
    // What the program before this one resolved is pinned.
    return sensor_->tell_destinations(handover_ ? std::nullopt : std::optional(kFirstResolvePatience));
  }

  Result<void, StartError> start_workers() {
    auto account = worker_account(config_);
    if (!account) return refuse(StartError::workers, account.error().detail);
    if (config_.workers == 0) config_.workers = std::max(1u, std::thread::hardware_concurrency());
    workers_ = std::make_unique<Workers>(io_, sensor_->desk(), Workers::Setup{config_.workers, *account, workers_cgroup_, 0, config_.state_dir,
                                   spool_files_wanted(config_.bodies_bytes_max, config_.spool_bodies_over_bytes)});
    auto start = worker_setup(config_, *authority_);
    if (!start) return std::unexpected(start.error());
    start->policy = policy_.message;
    if (handover_) workers_->adopt(*handover_), sensor_->desk().take_over(*handover_);
    if (auto started = workers_->start(std::move(*start)); !started)
      return refuse(StartError::workers, started.error().detail);
    passing_ = PassingBound(config_.workers * passing_max());
    serve_namespaces();
    return {};
  }

  void serve_namespaces() {
    namespaces_ = std::make_unique<Namespaces>(sensor_->guard(), *workers_, metrics_);
    sensor_->desk().serve(*namespaces_);
    workers_->on_start([this](uint64_t worker) { namespaces_->serve(worker); });
    // Before any namespace can take that port. Nothing opens early: the heartbeat has not begun.
    if (auto set = sensor_->guard().set_listener(kernel::own_netns_cookie(), workers_->port()); !set)
      log::warn("the listener is not registered yet: {}", set.error().detail);
    if (handover_) namespaces_->take_over(*handover_);
    namespaces_->scan(kernel::cgroup2_root().value_or(""), sensor_->guarded());
  }

  Result<void, StartError> open_doors() {
    auto doors = Doors::open(io_, config_, metrics_, observations_, inventory_, [this] { return report(); });
    if (!doors) return std::unexpected(doors.error());
    doors_ = std::move(*doors);
    return {};
  }

  Signals::Handlers handlers() {
    return {[this] { reload(); }, [this] { begin_stop(); }, [this] { begin_upgrade(); },
            [this](pid_t child, int status) { workers_->ended(child), upgrade_.ended(child, status); }};
  }

  // The kernel's heartbeat is ours only as far as every worker's: a frozen worker makes it stale.
  void beat() {
    workers_->ping();
    namespaces_->catch_up();
    sensor_->catch_up();
    make_room();
    namespaces_->each_few([this](uint64_t netns, int diag) { sensor_->strays().look_for_packet_sockets(netns, diag); });
    const bool ours = workers_->all_alive(kAliveWithin);
    if (!stopping_ && (ours || (!ready_ && workers_->adopted_alive(kAliveWithin)))) {
      sensor_->guard().beat();
      pulse_.reset();
      if (ours && !ready_) become_ready();
      ::sd_notify(0, "WATCHDOG=1");
    }
    beat_timer_.expires_after(kPingEvery);
    beat_timer_.async_wait([this](boost::system::error_code error) {
      if (!error) beat();
    });
  }

  // Rather than refuse what is no LLM's, strict mode looks at no more of it until there is room again.
  void make_room() {
    const bool suspend = passing_.suspends(sensor_->desk().unknown_flows());
    if (suspend == suspended_) return;
    if (auto told = sensor_->guard().suspend_strict(suspend); !told) return log::error("{}", told.error().detail);
    suspended_ = suspend;
    if (suspend) metrics_.count("strict_suspensions_total");
    log::warn("strict mode {}: {} connections are being passed on", suspend ? "is suspended" : "goes on", sensor_->desk().unknown_flows());
  }

  void become_ready() {
    if (auto set = sensor_->guard().set_listener(kernel::own_netns_cookie(), workers_->port()); !set) {
      log::error("listener not registered: {}", set.error().detail);
      return;
    }
    ready_ = true;
    say_ready(config_.run_dir);
    if (handover_) log::info("upgraded; {} earlier workers finish what runs", workers_->adopted());
    workers_->retire(config_.upgrade_drain);
    if (upgrade_wanted_) begin_upgrade();
  }

  void begin_upgrade() {
    upgrade_wanted_ = !ready_;  // half started, this program has nothing to hand over yet
    if (stopping_ || !ready_) return;
    upgrade_.try_out([this](const std::string& refusal) {
      if (stopping_) return;
      if (refusal.empty()) return become_the_next();
      log::error("not upgraded, this program goes on: {}", refusal);
      recorder_->note(record_of_refused_upgrade());
    });
  }

  void become_the_next() {
    log::info("becoming the program that stands at this one's path");
    signals_.leave_to_next();
    pulse_ = std::make_unique<kernel::Pulse>(config_.bpffs_dir);
    for (asio::steady_timer* timer : {&beat_timer_, &heartbeat_timer_, &resolve_timer_, &sweep_timer_}) timer->cancel();
    sensor_->leave();
    doors_.reset();
    recorder_->note(heartbeat(report(), inventory_));  // what was counted is this program's to tell
    const auto left = prepare_succession(io_, sensor_->desk(), *recorder_, *workers_, *namespaces_);
    if (left) upgrade_.become(*left);
    log::error("no upgrade, and no way back: {}", left ? "neither program can be run" : left.error().detail);
    std::_Exit(1);
  }

  void record_policy() {
    metrics_.count("policy_loads_total|loaded");
    recorder_->note(record_of(*policy_.program));
  }

  void reload() {
    auto loaded = load_policy(config_, *pack_);
    if (!loaded) {
      log::error("policy not reloaded, the old one stays in force: {}", loaded.error().detail);
      metrics_.count("policy_loads_total|refused");
      return recorder_->note(record_of_refused(loaded.error().code));
    }
    policy_ = std::move(*loaded);
    workers_->send_policy(policy_.message);
    record_policy();
    log::info("policy {} {} in force", policy::bundle_name(*policy_.program), policy::version(*policy_.program));
  }

  // New LLM connections are refused from here on; running exchanges end, within the configured time.
  void begin_stop() {
    if (stopping_) return;
    stopping_ = true;
    log::info("draining");
    ::sd_notify(0, "STOPPING=1");
    say_not_ready(config_.run_dir);
    (void)sensor_->guard().set_listener(kernel::own_netns_cookie(), 0);
    namespaces_->close();
    workers_->drain(static_cast<uint32_t>(config_.drain_timeout.count()));
    stop_deadline_ = std::chrono::steady_clock::now() + config_.drain_timeout + seconds(1);
    poll_stop();
  }

  void poll_stop() {
    if (workers_->none_left() || std::chrono::steady_clock::now() > stop_deadline_) {
      recorder_->note(heartbeat(report(), inventory_));  // what was added since the last one
      recorder_->note(record_of_stop("terminated"));
      recorder_->close();
      io_.stop();
      return;
    }
    stop_timer_.expires_after(milliseconds(50));
    stop_timer_.async_wait([this](boost::system::error_code error) {
      if (!error) poll_stop();
    });
  }

  [[nodiscard]] Report report() const {
    return {config_,          sensor_->guard(), *recorder_,            sensor_->desk(), sensor_->guarded(),
            sensor_->pods(), ready_,           policy_.program.get(), workers_.get(),  namespaces_.get(), suspended_};
  }

  AgentConfig config_;
  asio::io_context io_{1};
  Metrics metrics_;
  Observations observations_;
  Inventory inventory_;
  std::shared_ptr<const classify::Pack> pack_;
  LoadedPolicy policy_;
  std::shared_ptr<const provider::Catalogue> catalogue_;
  std::unique_ptr<tls::Authority> authority_;
  std::unique_ptr<Recorder> recorder_;
  std::unique_ptr<Sensor> sensor_;
  std::unique_ptr<Workers> workers_;
  std::unique_ptr<Namespaces> namespaces_;
  std::unique_ptr<Doors> doors_;
  std::string workers_cgroup_;
  Signals signals_{io_, handlers()};
  asio::steady_timer beat_timer_{io_}, heartbeat_timer_{io_}, resolve_timer_{io_}, sweep_timer_{io_}, stop_timer_{io_};
  std::chrono::steady_clock::time_point stop_deadline_;
  PassingBound passing_{0};
  bool ready_ = false, stopping_ = false, upgrade_wanted_ = false, suspended_ = false;
  Upgrade upgrade_;
  std::optional<Inheritance> inheritance_;
  std::optional<Handover> handover_;
  std::unique_ptr<kernel::Pulse> pulse_;  // while one program becomes the next
};

}  // namespace

Result<std::unique_ptr<Supervisor>, StartError> Supervisor::start(AgentConfig config, Program program,
                                                                  std::optional<Inheritance> inheritance) {
  // An observer serves nobody, so it has nothing to go on with: workers of an earlier program end with their inheritance.
  if (config.intercept.observe) return start_observing(std::move(config), std::move(program));
  auto control = std::make_unique<Control>(std::move(config), std::move(program), std::move(inheritance));
  if (auto begun = control->begin(); !begun) return std::unexpected(begun.error());
  return control;
}

}  // namespace warden::app
