// SPDX-License-Identifier: Apache-2.0
// Tampering: pins that were removed and programs that were detached, which takes root. They are put back at the next heartbeat,
// recorded as flows without destination ("observed") and counted; the record names who removed the pins, where the kernel tells.
// Who detaches a program the kernel tells nobody. Control thread only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <optional>
#include <string>

#include "agent/app/metrics.h"
#include "agent/app/residents.h"
#include "agent/kernel/guard.h"
#include "agent/kernel/pin_watch.h"

namespace warden::app {

class Tampering {
 public:
  // `found` gets an event as the kernel half would have sent it. `drain` delivers the kernel's events, so that who has ended is
  // known by its last one.
  using Found = std::function<void(const kernel::Event&)>;
  Tampering(boost::asio::io_context& io, kernel::Guard& guard, const Residents& residents, const std::string& bpffs_dir, Metrics& metrics,
            std::function<void()> drain, Found found);

  void check();  // at each beat

 private:
  void wait();
  void take();
  void tell(const char* what, const kernel::ProcessFacts& by);

  kernel::Guard& guard_;
  const Residents& residents_;
  Metrics& metrics_;
  std::function<void()> drain_;
  Found found_;
  std::optional<kernel::PinWatch> watch_;
  boost::asio::posix::stream_descriptor readable_;
  std::optional<kernel::ProcessFacts> by_;  // who removed pins since the last check
};

}  // namespace warden::app
