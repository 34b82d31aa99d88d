// SPDX-License-Identifier: Apache-2.0
// The egress guard: packets to an LLM of sockets that no hook stopped, being older than the guard or than what it knows, or
// raw. Dropped, reported once a socket; TCP sockets are ended.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tests/bpf/sandbox.h"

namespace warden::kernel {
namespace {

class EgressGuard : public ::testing::Test {
 protected:
  void SetUp() override { open(sandbox.config()); }
  void open(const GuardConfig& config) {
    auto opened = Guard::open(config);
    ASSERT_TRUE(opened) << opened.error().detail;
    guard = std::move(*opened);
    guard->beat();
  }
  void learn(const std::string& ip, uint16_t port) {
    ASSERT_TRUE(guard->add_destination(*Endpoint::parse(ip, port), "llm.test"));
  }
  std::vector<Event> tripped() {
    std::vector<Event> found;
    guard->drain_events([&](const Event& event) {
      if (event.kind == EventKind::tripped) found.push_back(event);
    });
    return found;
  }
  // A guarded process connects, says so, waits for a byte, then sends three times.
  // Its exit status is the last errno.
  static int connect_wait_send(int out, int go, const std::string& ip, uint16_t port, int type) {
    Fd socket;
    char byte = 'c';
    if (try_connect(ip, port, type, &socket) != 0 || ::write(out, &byte, 1) != 1 || ::read(go, &byte, 1) != 1) return 250;
    for (int i = 0; i < 3; ++i) {
      if (::send(socket.get(), "prompt", 6, MSG_NOSIGNAL) < 0) return errno;
      if (type == SOCK_STREAM) ::recv(socket.get(), &byte, 1, 0);  // until the agent ends it
    }
    return 0;
  }

  struct Waiting {
    Fd go_write;
    std::unique_ptr<Child> child;
  };
  Waiting connected(const std::string& ip, uint16_t port, int type) {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    Waiting waiting;
    waiting.go_write.reset(ends[1]);
    waiting.child = std::make_unique<Child>(
        sandbox.cgroup(), [&](int out) { return connect_wait_send(out, ends[0], ip, port, type); });
    EXPECT_EQ(waiting.child->read(1), "c");
    ::close(ends[0]);
    return waiting;
  }
  static void go(Waiting& waiting) { EXPECT_EQ(::write(waiting.go_write.get(), "g", 1), 1); }
  std::vector<Event> wait_tripped() {
    for (int i = 0; i < 200; ++i) {
      if (auto found = tripped(); !found.empty()) return found;
      ::usleep(10'000);
    }
    return {};
  }
  // One stream to `server` that must be ended, with nothing delivered.
  void expect_ended(Waiting& waiting, Listener::Accepted& accepted) {
    go(waiting);
    const auto found = wait_tripped();
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].reason, "not_hooked");
    EXPECT_TRUE(destroy_socket(found[0].socket, 0));
    EXPECT_NE(waiting.child->wait(), 0);
    char byte = 0;
    EXPECT_NE(::recv(accepted.socket.get(), &byte, 1, 0), 1);
    EXPECT_TRUE(tripped().empty()) << "once a socket";
    owner = found[0].flow.process.tgid;
  }

  Sandbox sandbox;
  std::unique_ptr<Guard> guard;
  int owner = 0;
};

TEST_F(EgressGuard, EndsATcpSocketConnectedBeforeItsAddressWasLearned) {
  Listener server("127.0.0.81", false);
  auto waiting = connected("127.0.0.81", server.port(), SOCK_STREAM);
  auto accepted = server.accept();
  const pid_t pid = waiting.child->pid();
  learn("127.0.0.81", server.port());
  expect_ended(waiting, accepted);
  EXPECT_EQ(owner, pid);
}

TEST_F(EgressGuard, EndsATcpSocketConnectedBeforeTheGuardStood) {
  Listener server("127.0.0.82", false);
  guard.reset();
  ASSERT_TRUE(Guard::remove(sandbox.bpffs()));
  auto waiting = connected("127.0.0.82", server.port(), SOCK_STREAM);
  const pid_t pid = waiting.child->pid();
  auto accepted = server.accept();
  open(sandbox.config());
  learn("127.0.0.82", server.port());
  expect_ended(waiting, accepted);
  EXPECT_EQ(owner, pid) << "nobody saw who connected, but this one sent";
}

TEST_F(EgressGuard, SparesASocketThatItWasAskedToSpare) {
  Listener server("127.0.0.88", false);
  auto waiting = connected("127.0.0.88", server.port(), SOCK_STREAM);
  auto accepted = server.accept();
  const auto sockets = tcp_sockets();
  ASSERT_TRUE(sockets);
  const Endpoint peer = *Endpoint::parse("127.0.0.88", server.port());
  const auto found = std::ranges::find_if(*sockets, [&](const TcpSocket& socket) { return socket.name.peer == peer; });
  ASSERT_NE(found, sockets->end());
  EXPECT_EQ(found->cgroup_id, cgroup_id(sandbox.cgroup()));
  ASSERT_TRUE(guard->spare_socket(waiting.child->pid(), found->inode));
  EXPECT_FALSE(guard->spare_socket(waiting.child->pid(), found->inode + 1));
  learn("127.0.0.88", server.port());
  go(waiting);
  char bytes[6];
  EXPECT_EQ(::recv(accepted.socket.get(), bytes, sizeof bytes, MSG_WAITALL), 6);
  EXPECT_TRUE(tripped().empty());
}

TEST_F(EgressGuard, PacketSocketsAreListed) {
  const auto before = packet_sockets();
  const Fd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  struct stat info {};
  ASSERT_EQ(::fstat(socket.get(), &info), 0);
  const auto after = packet_sockets();
  ASSERT_TRUE(before && after);
  EXPECT_FALSE(std::ranges::count(*before, info.st_ino));
  EXPECT_TRUE(std::ranges::count(*after, info.st_ino));
}

TEST_F(EgressGuard, LetsOtherStreamsGoOnWhenSomethingIsLearned) {
  Listener server("127.0.0.83", false);
  auto waiting = connected("127.0.0.83", server.port(), SOCK_STREAM);
  auto accepted = server.accept();
  for (int i = 1; i < 4; ++i) {
    learn("192.0.2." + std::to_string(i), 443);
    if (i == 1) go(waiting);
    char bytes[6];
    EXPECT_EQ(::recv(accepted.socket.get(), bytes, sizeof bytes, MSG_WAITALL), 6);
    EXPECT_EQ(::send(accepted.socket.get(), "k", 1, MSG_NOSIGNAL), 1);
  }
  EXPECT_EQ(waiting.child->wait(), 0);
  EXPECT_TRUE(tripped().empty());
}

TEST_F(EgressGuard, RefusesQuicConnectedBeforeItsAddressWasLearned) {
  for (const std::string ip : {"127.0.0.84", "::1"}) {
    auto waiting = connected(ip, 4433, SOCK_DGRAM);
    const pid_t pid = waiting.child->pid();
    learn(ip, 4433);
    go(waiting);
    EXPECT_EQ(waiting.child->wait(), EPERM);
    const auto found = tripped();
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].reason, "quic");
    EXPECT_EQ(found[0].flow.process.tgid, pid);
    EXPECT_EQ(found[0].flow.original.to_string(), Endpoint::parse(ip, 4433)->to_string());
    EXPECT_FALSE(found[0].is_tcp);
  }
}

TEST_F(EgressGuard, RefusesWhatARawSocketSends) {
  learn("127.0.0.85", 443);
  Child sender(sandbox.cgroup(), [&](int) {
    const Fd socket(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_UDP));
    const auto send = [&](const char* ip) {
      sockaddr_storage address;
      const socklen_t length = Endpoint::parse(ip, 0)->to_sockaddr(address);
      struct {
        udphdr header;
        char text[8];
      } datagram{};
      datagram.header.source = htons(1234);
      datagram.header.dest = htons(443);
      datagram.header.len = htons(sizeof datagram);
      const auto sent =
          ::sendto(socket.get(), &datagram, sizeof datagram, 0, reinterpret_cast<sockaddr*>(&address), length);
      return sent < 0 ? errno : 0;
    };
    if (send("127.0.0.86") != 0) return 251;
    if (send("127.0.0.85") != EPERM) return 252;
    return send("127.0.0.85");
  });
  const pid_t pid = sender.pid();
  EXPECT_EQ(sender.wait(), EPERM);
  const auto found = tripped();
  ASSERT_EQ(found.size(), 1u) << "once a socket";
  EXPECT_EQ(found[0].flow.process.tgid, pid);
  EXPECT_EQ(found[0].flow.original.to_string(), "127.0.0.85:443");
}

TEST_F(EgressGuard, PassesWhileStaleWhenConfiguredSo) {
  GuardConfig config = sandbox.config();
  config.pass_when_stale = true;
  config.stale_after = std::chrono::milliseconds(100);
  open(config);
  Listener server("127.0.0.87", false);
  auto waiting = connected("127.0.0.87", server.port(), SOCK_STREAM);
  auto accepted = server.accept();
  learn("127.0.0.87", server.port());
  ::usleep(200'000);
  go(waiting);
  char bytes[6];
  EXPECT_EQ(::recv(accepted.socket.get(), bytes, sizeof bytes, MSG_WAITALL), 6);
  EXPECT_EQ(guard->counters().passed, 1u);
  const auto found = tripped();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].reason, "agent_stale");
  EXPECT_FALSE(found[0].dropped);
}

}  // namespace
}  // namespace warden::kernel
