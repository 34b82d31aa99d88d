// SPDX-License-Identifier: Apache-2.0
// Supervisor: the privileged half of the agent. Loads and feeds the kernel half, resolves identity, owns the authority, the keys
// and the log, keeps the workers alive and writes the heartbeat while every one of them answers. One control thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "agent/app/config.h"
#include "agent/app/succession.h"
#include "agent/app/upgrade.h"
#include "agent/base/result.h"

namespace warden::app {

enum class StartError { privileges, directory, policy, authority, log, kernel, workers, admin, metrics };

class Supervisor {
 public:
  // Everything that can be refused is refused here, with the remedy. `inheritance`: of the program that this process was before.
  static Result<std::unique_ptr<Supervisor>, StartError> start(AgentConfig config, Program program,
                                                               std::optional<Inheritance> inheritance);
  virtual ~Supervisor() = default;
  // Until SIGTERM or SIGINT, then drains; or until SIGUSR2, then becomes the program at its path. Returns the exit status.
  virtual int run() = 0;
};

}  // namespace warden::app
