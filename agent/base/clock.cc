// SPDX-License-Identifier: Apache-2.0
#include "agent/base/clock.h"

#include <cstdio>
#include <ctime>

namespace warden {
namespace {

int64_t nanoseconds(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

int64_t wall_us() { return nanoseconds(CLOCK_REALTIME) / 1000; }
int64_t boot_us() { return nanoseconds(CLOCK_BOOTTIME) / 1000; }
int64_t monotonic_ns() { return nanoseconds(CLOCK_MONOTONIC); }

std::string rfc3339(int64_t wall_us) {
  const time_t seconds = static_cast<time_t>(wall_us / 1'000'000);
  tm utc{};
  ::gmtime_r(&seconds, &utc);
  char text[64];
  const int length =
      std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", utc.tm_year + 1900, utc.tm_mon + 1,
                    utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, static_cast<int>(wall_us % 1'000'000));
  return {text, static_cast<size_t>(length)};
}

}  // namespace warden
