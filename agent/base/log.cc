// SPDX-License-Identifier: Apache-2.0
#include "agent/base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>

namespace warden::log {

void open(const char* name, const char* level) {
  auto logger = spdlog::stderr_color_mt(name);
  logger->set_level(spdlog::level::from_str(level));
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %n: %v", spdlog::pattern_time_type::utc);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace warden::log
