// SPDX-License-Identifier: Apache-2.0
// Sensor: all by which the agent learns of connections: the kernel half, the process table and who asks it, pods, the addresses
// behind the catalogue's names, sockets that no hook saw, and what root does to the guard. Feeds one desk. Control thread only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "agent/app/desk.h"
#include "agent/app/destinations.h"
#include "agent/app/kubernetes.h"
#include "agent/app/residents.h"
#include "agent/app/strays.h"
#include "agent/app/supervisor.h"
#include "agent/app/tampering.h"
#include "agent/kernel/guard.h"

namespace warden::app {

constexpr auto kResolveEvery = std::chrono::seconds(60);
constexpr auto kFirstResolvePatience = std::chrono::milliseconds(3000);

class Sensor {
 public:
  struct Parts {
    boost::asio::io_context& io;
    const AgentConfig& config;
    const provider::Catalogue& catalogue;
    Recorder& recorder;
    Observations& observations;
    Inventory& inventory;
    Metrics& metrics;
    tls::Authority* authority = nullptr;  // nullptr: there are no workers
  };
  // Loads and attaches the kernel half; from then on nothing is missed. The parts outlive the sensor.
  static Result<std::unique_ptr<Sensor>, StartError> open(const Parts& parts, kernel::GuardConfig guard, Strays::Existing existing);

  // Names and addresses to the kernel half; waits at most `patience` for the host's resolver, or not at all.
  Result<void, StartError> tell_destinations(std::optional<std::chrono::milliseconds> patience);
  void resolve_again();
  // Takes kernel events as they come.
  void watch();
  // Every beat.
  void catch_up();
  // Records now what waits for a digest or a pod: nobody will come back to it.
  void finish();
  // Kernel events stay in their ring from here on, for the next program.
  void leave();

  [[nodiscard]] kernel::Guard& guard() { return *guard_; }
  [[nodiscard]] const kernel::Guard& guard() const { return *guard_; }
  [[nodiscard]] Desk& desk() { return *desk_; }
  [[nodiscard]] const Desk& desk() const { return *desk_; }
  [[nodiscard]] Strays& strays() { return *strays_; }
  [[nodiscard]] const std::string& guarded() const { return guarded_; }
  [[nodiscard]] const PodWatch* pods() const { return pod_watch_.get(); }

 private:
  explicit Sensor(const Parts& parts) : parts_(parts), ring_(parts.io) {}

  Parts parts_;
  std::string guarded_;
  std::unique_ptr<kernel::Guard> guard_;
  std::unique_ptr<attribution::Resolver> resolver_;
  std::unique_ptr<Desk> desk_;
  attribution::Pods pods_;
  std::unique_ptr<PodWatch> pod_watch_;
  std::unique_ptr<Strays> strays_;
  Residents residents_;
  std::unique_ptr<Tampering> tampering_;
  std::unique_ptr<Destinations> destinations_;
  boost::asio::posix::stream_descriptor ring_;
};

}  // namespace warden::app
