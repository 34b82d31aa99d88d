// SPDX-License-Identifier: Apache-2.0
// `egresswarden doctor`: what this host needs to run the agent, each ok, missing or (the agent runs without
// it) advised, with the remedy. 0: nothing is missing; 1: something is.
#pragma once

#include <string>

#include "agent/cli/live.h"

namespace warden::cli {

struct DoctorOptions {
  std::string config = kAgentConfigPath;
  bool json = false;
};
int run_doctor(const DoctorOptions& options);

}  // namespace warden::cli
