// SPDX-License-Identifier: Apache-2.0
// Pins: the folder in bpffs that keeps maps and links alive when no agent runs. `maps/NAME` and `links/NAME`.
#pragma once

#include <string>

#include "agent/base/result.h"
#include "agent/kernel/guard.h"

namespace warden::kernel {

class Pins {
 public:
  explicit Pins(std::string directory) : directory_(std::move(directory)) {}

  // Makes the folders, mounting bpffs at /sys/fs/bpf when the path lies there and nothing is mounted.
  [[nodiscard]] Result<void, GuardError> prepare() const;
  // Removes every pin: links first, so no program runs on maps that are gone.
  [[nodiscard]] Result<void, GuardError> clear() const;

  [[nodiscard]] std::string map(const std::string& name) const { return directory_ + "/maps/" + name; }
  [[nodiscard]] std::string link(const std::string& name) const { return directory_ + "/links/" + name; }

 private:
  std::string directory_;
};

}  // namespace warden::kernel
