// SPDX-License-Identifier: Apache-2.0
// Setup: the log and what the workers are told at start, made from the configuration and the host's keys.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>

#include "agent/app/config.h"
#include "agent/app/messages.h"
#include "agent/app/metrics.h"
#include "agent/app/recorder.h"
#include "agent/app/supervisor.h"
#include "audit/store/writer.h"
#include "policy/classify/engine.h"
#include "tlsproxy/provider/catalogue.h"
#include "tlsproxy/tls/authority.h"

namespace warden::app {

Result<void, StartError> make_directories(const AgentConfig& config);
// The known services and the configured ones.
Result<std::shared_ptr<const provider::Catalogue>, StartError> catalogue_setup(const AgentConfig& config);
Result<audit::LogConfig, StartError> log_setup(const AgentConfig& config, const std::shared_ptr<const classify::Pack>& pack);
// Opens the log, and begins to send it where a collector is configured.
Result<std::unique_ptr<Recorder>, StartError> open_recorder(boost::asio::io_context& io, Metrics& metrics, const AgentConfig& config,
                                                            const audit::LogConfig& log);
Result<std::string, StartError> cgroup2_root();
// All but the policy.
Result<Start, StartError> worker_setup(const AgentConfig& config, const tls::Authority& authority);

}  // namespace warden::app
