// SPDX-License-Identifier: Apache-2.0
// Endpoint: an IP address and port. IPv4 is kept as IPv4-mapped IPv6, so the kernel maps and we have one key form.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace warden {

struct Endpoint {
  std::array<uint8_t, 16> address{};  // network order; ::ffff:a.b.c.d for IPv4
  uint16_t port = 0;                  // host order

  static std::optional<Endpoint> parse(const std::string& address, uint16_t port);
  static std::optional<Endpoint> from(const sockaddr* address);
  [[nodiscard]] bool is_v4() const;
  [[nodiscard]] std::string ip() const;         // 203.0.113.7 or 2001:db8::1
  [[nodiscard]] std::string to_string() const;  // 203.0.113.7:443 or [2001:db8::1]:443
  // Fills `out` in the family the address belongs to; returns its length.
  socklen_t to_sockaddr(sockaddr_storage& out) const;
  auto operator<=>(const Endpoint&) const = default;
};

}  // namespace warden
