// SPDX-License-Identifier: Apache-2.0
// Setup: what the log, its shipping and the workers are told at start, made from the configuration and the host's keys.
#pragma once

#include <memory>

#include "agent/app/config.h"
#include "agent/app/messages.h"
#include "agent/app/supervisor.h"
#include "audit/ship/shipper.h"
#include "audit/store/writer.h"
#include "policy/classify/engine.h"
#include "tlsproxy/provider/catalogue.h"
#include "tlsproxy/tls/authority.h"

namespace warden::app {

Result<void, StartError> make_directories(const AgentConfig& config);
// The known services and the configured ones.
Result<std::shared_ptr<const provider::Catalogue>, StartError> catalogue_setup(const AgentConfig& config);
Result<audit::LogConfig, StartError> log_setup(const AgentConfig& config, const std::shared_ptr<const classify::Pack>& pack);
audit::ShipConfig ship_setup(const CollectorLink& link, const std::string& log_folder);
// All but the policy.
Result<Start, StartError> worker_setup(const AgentConfig& config, const tls::Authority& authority);

}  // namespace warden::app
