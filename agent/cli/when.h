// SPDX-License-Identifier: Apache-2.0
// A point in time that an operator gives: a time of the form 2026-11-23T10:00:00Z, or an age such as 90s, 10m, 2h, 7d.
#pragma once

#include <optional>
#include <string>

namespace warden::cli {

// As the log writes it, so that texts compare like times; an age counts back from now. Empty stays empty; nullopt: neither.
std::optional<std::string> log_time(const std::string& text);

}  // namespace warden::cli
