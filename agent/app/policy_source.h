// SPDX-License-Identifier: Apache-2.0
// The policy the agent runs: read, verified and compiled as a whole, or not at all, so that a bundle that fails leaves the one
// in force untouched.
#pragma once

#include <memory>
#include <string>

#include "agent/app/config.h"
#include "agent/app/messages.h"
#include "audit/record/draft.h"
#include "policy/classify/engine.h"
#include "policy/rules/bundle.h"

namespace warden::app {

struct LoadedPolicy {
  std::shared_ptr<const policy::Program> program;
  Policy message;  // for the workers
};

Result<LoadedPolicy, policy::BundleError> load_policy(const AgentConfig& config, const classify::Pack& pack);

// What the log says of a bundle that was loaded, and of one that was not: of the latter there is no digest to name, and the one in
// force is not what was to be loaded.
audit::Draft record_of(const policy::Program& program);
audit::Draft record_of_refused(policy::BundleError why);

}  // namespace warden::app
