// SPDX-License-Identifier: Apache-2.0
// The clocks of a record: wall time (CLOCK_REALTIME) and time since boot (CLOCK_BOOTTIME), in microseconds.
#pragma once

#include <cstdint>
#include <string>

namespace warden {

int64_t wall_us();
int64_t boot_us();
int64_t monotonic_ns();

// RFC 3339 in UTC with microseconds: 2026-11-23T22:22:24.000001Z.
std::string rfc3339(int64_t wall_us);

}  // namespace warden
