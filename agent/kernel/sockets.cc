// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel/sockets.h"

#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "agent/base/fd.h"

namespace warden::kernel {
namespace {

std::unexpected<Error<SocketError>> failed(SocketError code, const std::string& what, int error) {
  return fail(code, what + ": " + std::strerror(error));
}

Fd open_diag() { return Fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG)); }

bool same_namespace(const std::string& path) {
  struct stat ours {}, theirs {};
  return ::stat("/proc/self/ns/net", &ours) == 0 && ::stat(path.c_str(), &theirs) == 0 && ours.st_ino == theirs.st_ino;
}

// A netlink socket stays in the namespace it was made in, so only its maker has to enter: a thread that ends.
Result<Fd, SocketError> diag_within(pid_t within) {
  const std::string path = "/proc/" + std::to_string(within) + "/ns/net";
  Fd diag;
  int error = 0;
  if (within == 0 || same_namespace(path)) {
    diag = open_diag();
    error = errno;
  } else {
    const Fd space(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!space) return failed(SocketError::no_namespace, path, errno);
    std::thread([&] {
      if (::setns(space.get(), CLONE_NEWNET) == 0) diag = open_diag();
      error = errno;
    }).join();
  }
  if (!diag) return failed(SocketError::no_netlink, "sock_diag", error);
  return diag;
}

void set_address(const Endpoint& endpoint, bool v4, __be32 (&address)[4], __be16& port) {
  const size_t skip = v4 ? 12 : 0;
  std::memcpy(address, endpoint.address.data() + skip, endpoint.address.size() - skip);
  port = htons(endpoint.port);
}

struct DestroyRequest {
  nlmsghdr header;
  inet_diag_req_v2 body;
};

DestroyRequest destroy_request(const SocketName& name) {
  DestroyRequest request{};
  const bool v4 = name.peer.is_v4();  // a mapped one too: it is kept under its IPv4 addresses
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = SOCK_DESTROY;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  request.body.sdiag_family = v4 ? AF_INET : AF_INET6;
  request.body.sdiag_protocol = IPPROTO_TCP;
  request.body.idiag_states = ~0u;
  set_address(name.local, v4, request.body.id.idiag_src, request.body.id.idiag_sport);
  set_address(name.peer, v4, request.body.id.idiag_dst, request.body.id.idiag_dport);
  request.body.id.idiag_if = name.bound_device;
  request.body.id.idiag_cookie[0] = static_cast<uint32_t>(name.cookie);
  request.body.id.idiag_cookie[1] = static_cast<uint32_t>(name.cookie >> 32);
  return request;
}

}  // namespace

Result<void, SocketError> destroy_socket(const SocketName& name, pid_t within) {
  const auto diag = diag_within(within);
  if (!diag) return std::unexpected(diag.error());
  const DestroyRequest request = destroy_request(name);
  struct {
    nlmsghdr header;
    nlmsgerr body;
    char rest[512];
  } answer{};
  if (::send(diag->get(), &request, sizeof request, 0) != sizeof request ||
      ::recv(diag->get(), &answer, sizeof answer, 0) < static_cast<ssize_t>(sizeof answer.header + sizeof(int)))
    return failed(SocketError::no_netlink, "sock_diag", errno);
  // Gone already is as good.
  if (answer.header.nlmsg_type == NLMSG_ERROR && answer.body.error != 0 && answer.body.error != -ENOENT)
    return failed(SocketError::refused, name.peer.to_string() + " cannot be ended", -answer.body.error);
  return {};
}

}  // namespace warden::kernel
