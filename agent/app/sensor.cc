// SPDX-License-Identifier: Apache-2.0
#include "agent/app/sensor.h"

#include <fcntl.h>

#include <boost/asio/post.hpp>

#include "agent/app/guard_destinations.h"
#include "agent/base/log.h"

namespace warden::app {
namespace asio = boost::asio;

namespace {

attribution::Resolver::Setup resolver_setup(const AgentConfig& config) {
  attribution::Resolver::Setup setup;
  for (const auto& [login, person] : config.identity.persons) setup.persons[login] = {person.id, person.groups};
  setup.runtime_root = config.identity.runtime_root;
  return setup;
}

}  // namespace

Result<std::unique_ptr<Sensor>, StartError> Sensor::open(const Parts& parts, kernel::GuardConfig guard, Strays::Existing existing) {
  std::unique_ptr<Sensor> sensor(new Sensor(parts));
  const AgentConfig& config = parts.config;
  auto opened = kernel::Guard::open(guard);
  if (!opened) return fail(StartError::kernel, opened.error().detail);
  sensor->guarded_ = guard.cgroup;
  sensor->guard_ = std::move(*opened);
  if (sensor->guard_->took_over()) log::info("took over the pins of an earlier agent in {}", config.bpffs_dir);
  sensor->resolver_ = std::make_unique<attribution::Resolver>(resolver_setup(config));
  sensor->resolver_->scan();
  sensor->desk_ = std::make_unique<Desk>(
      Desk::Parts{*sensor->guard_, *sensor->resolver_, parts.catalogue, parts.recorder, parts.observations, parts.inventory, parts.metrics, parts.authority},
      config.identity.kubernetes.wait);
  Desk* const desk = sensor->desk_.get();
  sensor->strays_ = std::make_unique<Strays>(*sensor->guard_, guard.cgroup, guard.exempt_cgroup, existing,
                                             [desk](const auto& event, const char* capture) { desk->record_connect(event, capture); });
  sensor->residents_.scan(guard.cgroup);
  desk->watch(sensor->residents_);
  sensor->tampering_ = std::make_unique<Tampering>(parts.io, *sensor->guard_, sensor->residents_, config.bpffs_dir, parts.metrics,
                                                   [desk] { desk->drain_kernel_events(); },
                                                   [desk](const auto& event) { desk->record_connect(event, "observed"); });
  sensor->resolver_->hash_aside([desk, &io = parts.io] { asio::post(io, [desk] { desk->catch_up(); }); });
  if (const auto cluster = PodWatch::locate(config.identity.kubernetes)) {
    sensor->resolver_->set_pods(&sensor->pods_);
    sensor->pod_watch_ = PodWatch::start(parts.io, *cluster, sensor->pods_, [desk] { desk->catch_up(); });
    log::info("asking {} for the pods of node {}", cluster->url, cluster->node);
  }
  return sensor;
}

Result<void, StartError> Sensor::tell_destinations(std::optional<std::chrono::milliseconds> patience) {
  auto destinations = guard_destinations(parts_.io, parts_.catalogue, parts_.config.intercept.endpoints, *guard_, *strays_);
  if (!destinations) return fail(StartError::kernel, destinations.error().detail);
  destinations_ = std::move(*destinations);
  patience ? destinations_->resolve_now(*patience) : destinations_->resolve_in_background();
  return {};
}

void Sensor::resolve_again() {
  guard_->forget_old_destinations();
  destinations_->resolve_in_background();
}

void Sensor::watch() {
  if (!ring_.is_open()) ring_.assign(::fcntl(guard_->event_fd(), F_DUPFD_CLOEXEC, 0));
  ring_.async_wait(asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code error) {
    if (error) return;
    desk_->drain_kernel_events();
    watch();
  });
}

void Sensor::catch_up() {
  desk_->catch_up();
  strays_->look_for_packet_sockets();
  tampering_->check();
}

void Sensor::leave() {
  boost::system::error_code ignored;
  ring_.close(ignored);
  destinations_.reset();
}

void Sensor::finish() {
  desk_->drain_kernel_events();
  desk_->wait_no_longer();
}

}  // namespace warden::app
