// SPDX-License-Identifier: Apache-2.0
// Observer: the agent in `intercept.mode: observe`. It records who talks to which LLM endpoint, and does nothing else: no
// redirection, no worker, no authority, no policy. Traffic is the same with it, without it, and after its death.
#pragma once

#include <memory>

#include "agent/app/supervisor.h"
#include "agent/app/upgrade.h"

namespace warden::app {

Result<std::unique_ptr<Supervisor>, StartError> start_observing(AgentConfig config, Program program);

}  // namespace warden::app
