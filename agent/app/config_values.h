// SPDX-License-Identifier: Apache-2.0
// The scalar forms a config value can take. nullopt: not of that form, or out of range.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/base/address.h"

namespace warden::app {

std::optional<uint64_t> parse_integer(std::string_view text);
std::optional<uint64_t> parse_size_bytes(std::string_view text);  // 1048576, 512KiB, 32MiB, 8GiB
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);  // 500ms, 30s, 5m, 12h, 7d
std::optional<Endpoint> parse_listen(std::string_view text);                     // 127.0.0.1:9466, [::1]:9466
bool is_name(std::string_view text);  // host or log name: letters, digits, '.', '-', '_'; at most 253
const char* remedy_of_unread();       // of the open() that failed just now

}  // namespace warden::app
