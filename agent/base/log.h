// SPDX-License-Identifier: Apache-2.0
// Logging: spdlog behind four functions, levels by who is at fault. error: ours or the machine's; warn: the operator should
// act; info: life cycle; debug: a peer or client misbehaved. Never prompt bytes, keys or credentials.
#pragma once

#include <spdlog/spdlog.h>

namespace warden::log {

using spdlog::debug;
using spdlog::error;
using spdlog::info;
using spdlog::warn;

// Logs to stderr (the journal's, under systemd), one line each, prefixed with `name`.
void open(const char* name, const char* level);

}  // namespace warden::log
