// SPDX-License-Identifier: Apache-2.0
#include "agent/app/config_values.h"

#include <cerrno>
#include <charconv>
#include <limits>
#include <utility>

namespace warden::app {
namespace {

// A whole number and one of the units; the product must fit.
template <size_t N>
std::optional<uint64_t> with_unit(std::string_view text,
                                  const std::pair<std::string_view, uint64_t> (&units)[N]) {
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = parse_integer(text.substr(0, digits));
  if (!number) return std::nullopt;
  for (const auto& [unit, factor] : units)
    if (text.substr(digits) == unit) {
      if (*number > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) / factor) return std::nullopt;
      return *number * factor;
    }
  return std::nullopt;
}

}  // namespace

std::optional<uint64_t> parse_integer(std::string_view text) {
  uint64_t value = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  if (text.empty() || error != std::errc{} || end != last) return std::nullopt;
  return value;
}

std::optional<uint64_t> parse_size_bytes(std::string_view text) {
  static constexpr std::pair<std::string_view, uint64_t> kUnits[] = {
      {"", 1}, {"B", 1}, {"KiB", 1ULL << 10}, {"MiB", 1ULL << 20}, {"GiB", 1ULL << 30}, {"TiB", 1ULL << 40}};
  return with_unit(text, kUnits);
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  static constexpr std::pair<std::string_view, uint64_t> kUnits[] = {
      {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
  const auto value = with_unit(text, kUnits);
  if (!value) return std::nullopt;
  return std::chrono::milliseconds(*value);
}

std::optional<Endpoint> parse_listen(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = parse_integer(text.substr(colon + 1));
  if (!port || *port > 65535) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (bracketed != (host.find(':') != std::string_view::npos)) return std::nullopt;
  return Endpoint::parse(std::string(host), static_cast<uint16_t>(*port));
}

bool is_name(std::string_view text) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
  return !text.empty() && text.size() <= 253 && text.front() != '.' && text.front() != '-' &&
         text.find_first_not_of(kAllowed) == std::string_view::npos;
}

const char* remedy_of_unread() {
  return errno == EACCES ? "run as root: this user may not" : "create it or correct the path";
}

}  // namespace warden::app
