// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/intercept/listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "agent/base/address.h"

namespace warden::intercept {
namespace {

constexpr int kBacklog = 4096;
constexpr int kPortTries = 16;

Fd listen_on(const Endpoint& endpoint) {
  sockaddr_storage address;
  const socklen_t length = endpoint.to_sockaddr(address);
  Fd fd(::socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  if (!fd) return {};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // accepted sockets inherit it
  if (address.ss_family == AF_INET6) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0) return {};
  if (::listen(fd.get(), kBacklog) != 0) return {};
  return fd;
}

uint16_t port_of(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  const auto endpoint = Endpoint::from(reinterpret_cast<const sockaddr*>(&address));
  return endpoint ? endpoint->port : 0;
}

bool has_ipv6_loopback() {
  return static_cast<bool>(listen_on(*Endpoint::parse("::1", 0)));
}

}  // namespace

Result<ListenerPair, ListenError> listen_on_loopback(uint16_t port) {
  const bool ipv6 = has_ipv6_loopback();
  // The kernel picks the IPv4 port; the same one may be taken for IPv6, so a few are tried.
  for (int i = 0; i < kPortTries; ++i) {
    ListenerPair pair;
    pair.v4 = listen_on(*Endpoint::parse("127.0.0.1", port));
    if (!pair.v4) return fail(ListenError::cannot_listen, std::string("127.0.0.1: ") + std::strerror(errno));
    pair.port = port_of(pair.v4.get());
    if (ipv6) pair.v6 = listen_on(*Endpoint::parse("::1", pair.port));
    if (pair.v6 || !ipv6) return pair;
    if (port != 0) break;
  }
  return fail(ListenError::cannot_listen, std::string("[::1]: ") + std::strerror(errno));
}

}  // namespace warden::intercept
