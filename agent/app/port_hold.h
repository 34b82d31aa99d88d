// SPDX-License-Identifier: Apache-2.0
// PortHold: a bound socket per family that never listens, on the workers' port and for the supervisor's whole life. While every
// worker is down the port would otherwise be free, and a process of the host could take it and receive redirected connections;
// with SO_REUSEPORT held by our uid, only our uid can bind beside us (socket(7)).
#pragma once

#include <cstdint>
#include <utility>

#include "agent/base/fd.h"

namespace warden::app {

class PortHold {
 public:
  // False with errno set: the port is not ours to hold.
  bool take(uint16_t port, bool with_v6);
  [[nodiscard]] bool holds() const { return static_cast<bool>(v4_); }

  // The two descriptors, -1 for none, for another process of ours; which makes a hold of them again.
  [[nodiscard]] std::pair<int, int> release() { return {v4_.release(), v6_.release()}; }
  PortHold() = default;
  PortHold(Fd v4, Fd v6) : v4_(std::move(v4)), v6_(std::move(v6)) {}

 private:
  Fd v4_, v6_;
};

}  // namespace warden::app
