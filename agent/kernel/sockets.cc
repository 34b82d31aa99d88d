// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel/sockets.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/packet_diag.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "agent/base/fd.h"
#include "agent/kernel/netns.h"

namespace warden::kernel {
namespace {

// TCP_ESTABLISHED, SYN_SENT, FIN_WAIT1 and 2, CLOSE_WAIT, LAST_ACK, CLOSING: those that may still send.
constexpr uint32_t kConnectedStates = 1 << 1 | 1 << 2 | 1 << 4 | 1 << 5 | 1 << 8 | 1 << 9 | 1 << 11;

std::unexpected<Error<SocketError>> failed(SocketError code, const std::string& what, int error) {
  return fail(code, what + ": " + std::strerror(error));
}

// A netlink socket stays in the namespace it was made in.
Result<Fd, SocketError> diag_within(pid_t within) {
  Fd diag;
  int error = 0;
  const auto open = [&] {
    diag = open_diag();
    error = errno;
  };
  if (within == 0) {
    open();
  } else {
    const auto netns = Netns::of(within);
    if (!netns) return fail(SocketError::no_namespace, netns.error().detail);
    if (auto entered = netns->run(open); !entered) return fail(SocketError::no_namespace, entered.error().detail);
  }
  if (!diag) return failed(SocketError::no_netlink, "sock_diag", error);
  return diag;
}

void set_address(const Endpoint& endpoint, bool v4, __be32 (&address)[4], __be16& port) {
  const size_t skip = v4 ? 12 : 0;
  std::memcpy(address, endpoint.address.data() + skip, endpoint.address.size() - skip);
  port = htons(endpoint.port);
}

Endpoint endpoint_of(uint8_t family, const __be32 (&address)[4], __be16 port) {
  Endpoint endpoint;
  if (family == AF_INET) {
    endpoint.address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    std::memcpy(endpoint.address.data() + 12, address, 4);
  } else {
    std::memcpy(endpoint.address.data(), address, 16);
  }
  endpoint.port = ntohs(port);
  return endpoint;
}

// Asks for all sockets of a family and protocol; `take` gets each answer's payload.
template <class Body, class Take>
Result<void, SocketError> dump(int diag, const Body& body, Take&& take) {
  const Fd own = diag < 0 ? open_diag() : Fd();
  if (diag < 0) diag = own.get();
  struct {
    nlmsghdr header;
    Body body;
  } request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.body = body;
  alignas(nlmsghdr) char block[32768];
  while (::recv(diag, block, sizeof block, MSG_DONTWAIT) > 0) {
  }  // what an earlier listing, broken off, has left
  if (::send(diag, &request, sizeof request, 0) != sizeof request)
    return failed(SocketError::no_netlink, "sock_diag", errno);
  for (;;) {
    const ssize_t got = ::recv(diag, block, sizeof block, 0);
    if (got <= 0) return failed(SocketError::no_netlink, "sock_diag", errno);
    auto left = static_cast<uint32_t>(got);
    for (auto* message = reinterpret_cast<nlmsghdr*>(block); NLMSG_OK(message, left);
         message = NLMSG_NEXT(message, left)) {
      if (message->nlmsg_type == NLMSG_DONE) {
        // Without the module for this protocol the list is empty, and only its end says why.
        int error = 0;
        if (message->nlmsg_len >= NLMSG_LENGTH(sizeof error)) std::memcpy(&error, NLMSG_DATA(message), sizeof error);
        if (error < 0) return failed(SocketError::refused, "sock_diag does not list these sockets", -error);
        return {};
      }
      if (message->nlmsg_type == NLMSG_ERROR) return fail(SocketError::refused, "sock_diag does not list these sockets");
      take(message);
    }
  }
}

uint64_t cgroup_attribute(nlmsghdr* message, inet_diag_msg* socket) {
  auto left = static_cast<int>(message->nlmsg_len - NLMSG_LENGTH(sizeof *socket));
  for (auto* attribute = reinterpret_cast<rtattr*>(socket + 1); RTA_OK(attribute, left);
       attribute = RTA_NEXT(attribute, left)) {
    uint64_t id = 0;
    if (attribute->rta_type != INET_DIAG_CGROUP_ID || RTA_PAYLOAD(attribute) != sizeof id) continue;
    std::memcpy(&id, RTA_DATA(attribute), sizeof id);
    return id;
  }
  return 0;
}

TcpSocket tcp_socket(nlmsghdr* message) {
  auto* body = static_cast<inet_diag_msg*>(NLMSG_DATA(message));
  TcpSocket socket;
  socket.name.cookie = uint64_t{body->id.idiag_cookie[1]} << 32 | body->id.idiag_cookie[0];
  socket.name.local = endpoint_of(body->idiag_family, body->id.idiag_src, body->id.idiag_sport);
  socket.name.peer = endpoint_of(body->idiag_family, body->id.idiag_dst, body->id.idiag_dport);
  socket.name.bound_device = body->id.idiag_if;
  socket.inode = body->idiag_inode;
  socket.uid = body->idiag_uid;
  socket.cgroup_id = cgroup_attribute(message, body);
  return socket;
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

Fd open_diag() { return Fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG)); }

std::optional<Found> find_socket(int diag, const Endpoint& local, const Endpoint& peer) {
  constexpr uint32_t kAnyCookie = ~0u;  // INET_DIAG_NOCOOKIE
  DestroyRequest request = destroy_request({0, local, peer, 0});
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.body.id.idiag_cookie[0] = request.body.id.idiag_cookie[1] = kAnyCookie;
  if (diag < 0 || ::send(diag, &request, sizeof request, 0) != sizeof request) return std::nullopt;
  alignas(nlmsghdr) char block[4096];
  const ssize_t size = ::recv(diag, block, sizeof block, 0);
  auto* answer = reinterpret_cast<nlmsghdr*>(block);
  if (size <= 0 || !NLMSG_OK(answer, static_cast<uint32_t>(size)) || answer->nlmsg_type != SOCK_DIAG_BY_FAMILY)
    return std::nullopt;
  const TcpSocket socket = tcp_socket(answer);
  return Found{socket.name.cookie, socket.inode != 0};
}

Result<std::vector<TcpSocket>, SocketError> tcp_sockets(int diag) {
  std::vector<TcpSocket> found;
  for (const uint8_t family : {AF_INET, AF_INET6}) {
    inet_diag_req_v2 request{};
    request.sdiag_family = family;
    request.sdiag_protocol = IPPROTO_TCP;
    request.idiag_states = kConnectedStates;
    const auto listed = dump(diag, request, [&](nlmsghdr* message) { found.push_back(tcp_socket(message)); });
    if (!listed) return std::unexpected(listed.error());
  }
  return found;
}

Result<std::vector<uint64_t>, SocketError> packet_sockets(int diag) {
  std::vector<uint64_t> inodes;
  packet_diag_req request{};
  request.sdiag_family = AF_PACKET;
  const auto listed = dump(diag, request, [&](nlmsghdr* message) {
    inodes.push_back(static_cast<packet_diag_msg*>(NLMSG_DATA(message))->pdiag_ino);
  });
  if (!listed) return std::unexpected(listed.error());
  return inodes;
}

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

Fd borrow_socket(pid_t pid, uint64_t inode) {
  const std::string folder = "/proc/" + std::to_string(pid) + "/fd", wanted = "socket:[" + std::to_string(inode) + "]";
  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const auto target = std::filesystem::read_symlink(entry.path(), error);
    if (error || target != wanted) continue;
    return Fd(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), std::stoi(entry.path().filename()), 0)));
  }
  return Fd();
}

}  // namespace warden::kernel
