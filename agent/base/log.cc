// SPDX-License-Identifier: Apache-2.0
#include "agent/base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>

#include <memory>

namespace warden::log {

void open(const char* name, const char* level) {
  // Not through spdlog's registry, which throws on a name it knows: a worker opens its log again once it is told the level.
  auto logger = std::make_shared<spdlog::logger>(name, std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  logger->set_level(spdlog::level::from_str(level));
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %n: %v", spdlog::pattern_time_type::utc);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace warden::log
