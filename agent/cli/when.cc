// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/when.h"

#include <charconv>
#include <string_view>

#include "agent/base/clock.h"

namespace warden::cli {

std::optional<std::string> log_time(const std::string& text) {
  if (text.empty() || text.find('-') != std::string::npos) return text;
  int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{} || end + 1 != text.data() + text.size() || count < 0 || count > 1'000'000)
    return std::nullopt;
  const size_t unit = std::string_view("smhd").find(*end);
  if (unit == std::string_view::npos) return std::nullopt;
  constexpr int64_t kSeconds[] = {1, 60, 3600, 86400};
  return rfc3339(wall_us() - count * kSeconds[unit] * 1'000'000);
}

}  // namespace warden::cli
