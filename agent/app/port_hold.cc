// SPDX-License-Identifier: Apache-2.0
#include "agent/app/port_hold.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "agent/base/address.h"

namespace warden::app {
namespace {

Fd bind_only(const char* host, uint16_t port) {
  sockaddr_storage address{};
  const socklen_t length = Endpoint::parse(host, port)->to_sockaddr(address);
  Fd fd(::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  if (!fd || ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) return {};
  if (address.ss_family == AF_INET6) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0) return {};
  return fd;
}

}  // namespace

bool PortHold::take(uint16_t port, bool with_v6) {
  Fd v4 = bind_only("127.0.0.1", port);
  Fd v6 = with_v6 ? bind_only("::1", port) : Fd();
  if (!v4 || (with_v6 && !v6)) return false;
  v4_ = std::move(v4);
  v6_ = std::move(v6);
  return true;
}

}  // namespace warden::app
