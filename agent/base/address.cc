// SPDX-License-Identifier: Apache-2.0
#include "agent/base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace warden {
namespace {

constexpr std::array<uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

std::optional<Endpoint> Endpoint::parse(const std::string& address, uint16_t port) {
  Endpoint endpoint;
  endpoint.port = port;
  if (::inet_pton(AF_INET6, address.c_str(), endpoint.address.data()) == 1) return endpoint;
  std::copy(kMapped.begin(), kMapped.end(), endpoint.address.begin());
  if (::inet_pton(AF_INET, address.c_str(), endpoint.address.data() + 12) == 1) return endpoint;
  return std::nullopt;
}

std::optional<Endpoint> Endpoint::from(const sockaddr* address) {
  Endpoint endpoint;
  if (address->sa_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
    std::copy(kMapped.begin(), kMapped.end(), endpoint.address.begin());
    std::memcpy(endpoint.address.data() + 12, &v4->sin_addr, 4);
    endpoint.port = ntohs(v4->sin_port);
    return endpoint;
  }
  if (address->sa_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
    std::memcpy(endpoint.address.data(), &v6->sin6_addr, 16);
    endpoint.port = ntohs(v6->sin6_port);
    return endpoint;
  }
  return std::nullopt;
}

bool Endpoint::is_v4() const { return std::equal(kMapped.begin(), kMapped.end(), address.begin()); }

std::string Endpoint::ip() const {
  char text[INET6_ADDRSTRLEN];
  const bool v4 = is_v4();
  ::inet_ntop(v4 ? AF_INET : AF_INET6, address.data() + (v4 ? 12 : 0), text, sizeof text);
  return text;
}

std::string Endpoint::to_string() const {
  const std::string text = is_v4() ? ip() : "[" + ip() + "]";
  return text + ":" + std::to_string(port);
}

socklen_t Endpoint::to_sockaddr(sockaddr_storage& out) const {
  out = {};
  if (is_v4()) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&out);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    std::memcpy(&v4->sin_addr, address.data() + 12, 4);
    return sizeof(sockaddr_in);
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out);
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(port);
  std::memcpy(&v6->sin6_addr, address.data(), 16);
  return sizeof(sockaddr_in6);
}

}  // namespace warden
