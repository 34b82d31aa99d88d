// SPDX-License-Identifier: Apache-2.0
// Who is redirected, who is not, and what the application sees of it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/time.h>

#include <cerrno>
#include <cstring>

#include "tests/bpf/sandbox.h"

namespace warden::kernel {
namespace {

constexpr char kLlm4[] = "192.0.2.10";  // documentation addresses: nothing answers there
constexpr char kLlm6[] = "2001:db8::10";

class Redirect : public ::testing::Test {
 protected:
  void SetUp() override {
    guard = sandbox.open_guard(listener);
    ASSERT_TRUE(guard);
    ASSERT_TRUE(guard->add_destination(*Endpoint::parse(kLlm4, 443), "llm.test"));
    ASSERT_TRUE(guard->add_destination(*Endpoint::parse(kLlm6, 443), "llm.test"));
  }
  std::optional<Flow> accepted_flow() {
    auto accepted = listener.accept();
    if (!accepted.socket) return std::nullopt;
    return guard->find_flow(accepted.peer, accepted.local);
  }

  Sandbox sandbox;
  Listener listener;
  std::unique_ptr<Guard> guard;
};

std::string peer_of(int socket) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&address), &length) != 0) return "none";
  const auto endpoint = Endpoint::from(reinterpret_cast<sockaddr*>(&address));
  return endpoint ? endpoint->to_string() : "none";
}

TEST_F(Redirect, TakesIpv4) {
  EXPECT_EQ(run_inside(sandbox.cgroup(), [] { return try_connect(kLlm4, 443, SOCK_STREAM); }), 0);
  const auto flow = accepted_flow();
  ASSERT_TRUE(flow);
  EXPECT_EQ(flow->original.to_string(), "192.0.2.10:443");
  EXPECT_EQ(guard->counters().redirected, 1u);
}

TEST_F(Redirect, TakesIpv6) {
  EXPECT_EQ(run_inside(sandbox.cgroup(), [] { return try_connect(kLlm6, 443, SOCK_STREAM); }), 0);
  const auto flow = accepted_flow();
  ASSERT_TRUE(flow);
  EXPECT_EQ(flow->original.to_string(), "[2001:db8::10]:443");
}

TEST_F(Redirect, TakesIpv4MappedIpv6) {
  EXPECT_EQ(run_inside(sandbox.cgroup(), [] { return try_connect_mapped(kLlm4, 443); }), 0);
  const auto flow = accepted_flow();
  ASSERT_TRUE(flow);
  EXPECT_EQ(flow->original.to_string(), "192.0.2.10:443");
}

TEST_F(Redirect, TakesNonBlockingAndMultipathSockets) {
  const auto connect = [](int flags, int protocol) {
    sockaddr_storage address;
    const socklen_t length = Endpoint::parse(kLlm4, 443)->to_sockaddr(address);
    Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, protocol));
    if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), length) == 0) return 0;
    return errno == EINPROGRESS ? 0 : errno;
  };
  EXPECT_EQ(run_inside(sandbox.cgroup(), [&] { return connect(SOCK_NONBLOCK, 0); }), 0);
  EXPECT_TRUE(accepted_flow());
  EXPECT_EQ(run_inside(sandbox.cgroup(), [&] { return connect(0, IPPROTO_MPTCP); }), 0);
  EXPECT_TRUE(accepted_flow());
}

TEST_F(Redirect, TakesASocketBoundToADeviceOrAnAddress) {
  const auto connect = [](const char* device, const char* source) {
    sockaddr_storage address, from;
    const socklen_t length = Endpoint::parse(kLlm4, 443)->to_sockaddr(address);
    const socklen_t from_length = Endpoint::parse(source, 0)->to_sockaddr(from);
    const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval limit{2, 0};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (*device != 0 && ::setsockopt(socket.get(), SOL_SOCKET, SO_BINDTODEVICE, device, 16) != 0) return 255;
    if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&from), from_length) != 0) return 254;
    return ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), length) == 0 ? 0 : errno;
  };
  char uplink[IF_NAMESIZE] = {};
  for (unsigned index = 2; index < 64 && *uplink == 0; ++index) ::if_indextoname(index, uplink);
  ASSERT_NE(*uplink, 0) << "this machine has no network device but loopback";
  EXPECT_EQ(run_inside(sandbox.cgroup(), [&] { return connect(uplink, "0.0.0.0"); }), 0);
  EXPECT_TRUE(accepted_flow());
  EXPECT_EQ(run_inside(sandbox.cgroup(), [&] { return connect("", "127.9.8.7"); }), 0);
  EXPECT_TRUE(accepted_flow());
}

TEST_F(Redirect, ASocketConnectedElsewhereAfterwardsShowsItsNewPeer) {
  Listener other("127.0.0.1", false);
  EXPECT_EQ(run_inside(sandbox.cgroup(),
                       [&] {
                         Fd socket;
                         if (try_connect(kLlm4, 443, SOCK_STREAM, &socket) != 0) return 1;
                         sockaddr_storage address{};  // AF_UNSPEC disconnects
                         ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
                         const socklen_t length =
                             Endpoint::parse("127.0.0.1", other.port())->to_sockaddr(address);
                         if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), length) != 0)
                           return 2;
                         return peer_of(socket.get()) == "127.0.0.1:" + std::to_string(other.port()) ? 0 : 3;
                       }),
            0);
}

// A namespace of its own with a listener inside, as a container has one; tells its cookie and the listener's
// port, then for one connection the peer's port.
int serve_own_namespace(int out) {
  ifreq loopback{};
  std::strcpy(loopback.ifr_name, "lo");
  if (::unshare(CLONE_NEWNET) != 0) return 1;
  const Fd control(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  loopback.ifr_flags = IFF_UP;
  if (::ioctl(control.get(), SIOCSIFFLAGS, &loopback) != 0) return 2;
  Listener inside("127.0.0.1", false);
  const uint64_t facts[2] = {own_netns_cookie(), inside.port()};
  if (::write(out, facts, sizeof facts) != sizeof facts) return 3;
  const auto accepted = inside.accept(5000);
  return ::write(out, &accepted.peer.port, 2) == 2 ? 0 : 4;
}

TEST_F(Redirect, StaysInsideTheNetworkNamespace) {
  Child server("", serve_own_namespace);
  uint64_t facts[2] = {};
  const std::string told = server.read(sizeof facts);
  ASSERT_EQ(told.size(), sizeof facts) << server.wait();
  std::memcpy(facts, told.data(), sizeof facts);
  EXPECT_NE(facts[0], own_netns_cookie());
  ASSERT_TRUE(guard->set_listener(facts[0], static_cast<uint16_t>(facts[1])));
  const std::string space = "/proc/" + std::to_string(server.pid()) + "/ns/net";
  Child client(sandbox.cgroup(), [&](int) {
    const Fd target(::open(space.c_str(), O_RDONLY | O_CLOEXEC));
    if (::setns(target.get(), CLONE_NEWNET) != 0) return 255;
    return try_connect(kLlm4, 443, SOCK_STREAM);
  });
  const pid_t pid = client.pid();
  EXPECT_EQ(client.wait(), 0);
  uint16_t peer_port = 0;
  const std::string peer = server.read(sizeof peer_port);
  ASSERT_EQ(peer.size(), sizeof peer_port);
  std::memcpy(&peer_port, peer.data(), sizeof peer_port);
  const auto flow = guard->find_flow(*Endpoint::parse("127.0.0.1", peer_port),
                                     *Endpoint::parse("127.0.0.1", static_cast<uint16_t>(facts[1])));
  ASSERT_TRUE(flow);
  EXPECT_EQ(flow->process.tgid, pid);
  EXPECT_EQ(flow->process.netns_cookie, facts[0]);
  EXPECT_FALSE(listener.accept(50).socket);
}

TEST_F(Redirect, ANamespaceBelongsToWhoMadeItHoweverDeepWithin) {
  const auto owner_of = [](uint32_t uid, int depth) {
    Child child("", [&](int out) {
      if (uid != 0 && (::setresgid(uid, uid, uid) != 0 || ::setresuid(uid, uid, uid) != 0)) return 1;
      ::prctl(PR_SET_DUMPABLE, 1);  // its /proc files are its own again
      for (int i = 0; i < depth; ++i) {
        const std::string map = "0 " + std::to_string(i == 0 ? uid : 0) + " 1";
        if (::unshare(CLONE_NEWUSER) != 0) return 2;
        // Who has no number within may make no further one.
        for (const auto& [file, text] : {std::pair{"setgroups", std::string("deny")}, std::pair{"uid_map", map}, std::pair{"gid_map", map}}) {
          const Fd fd(::open(("/proc/self/" + std::string(file)).c_str(), O_WRONLY | O_CLOEXEC));
          if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) return 4;
        }
      }
      if (::unshare(CLONE_NEWNET) != 0 || ::write(out, "n", 1) != 1) return 3;
      return ::pause();
    });
    if (child.read(1) != "n") return ~0u - static_cast<uint32_t>(child.wait());
    const auto netns = Netns::of(child.pid());
    return netns ? netns->owner() : ~0u;
  };
  EXPECT_EQ(owner_of(0, 0), 0u);
  EXPECT_EQ(owner_of(65534, 1), 65534u);
  EXPECT_EQ(owner_of(65534, 3), 65534u);
}

TEST_F(Redirect, NamespacesAreNamedAlikeByOldAndNewKernels) {
  // Below the sandbox's cgroup, since the program is attached to the caller's own.
  EXPECT_EQ(run_inside(sandbox.cgroup(), [] { return netns_cookie_by_program() == own_netns_cookie() ? 0 : 1; }), 0);
  EXPECT_EQ(run_inside(sandbox.cgroup(),
                       [] {
                         const uint64_t before = netns_cookie_by_program();
                         if (before == 0 || ::unshare(CLONE_NEWNET) != 0) return 1;
                         const uint64_t now = netns_cookie_by_program();
                         return now != before && now == own_netns_cookie() ? 0 : 2;
                       }),
            0);
}

TEST_F(Redirect, ShowsTheApplicationTheAddressItAskedFor) {
  const auto seen = [&](const std::function<int(Fd*)>& connect, const std::string& want) {
    return run_inside(sandbox.cgroup(), [&] {
      Fd socket;
      if (connect(&socket) != 0) return 1;
      return peer_of(socket.get()) == want ? 0 : 2;
    });
  };
  EXPECT_EQ(seen([](Fd* s) { return try_connect(kLlm4, 443, SOCK_STREAM, s); }, "192.0.2.10:443"), 0);
  EXPECT_EQ(seen([](Fd* s) { return try_connect(kLlm6, 443, SOCK_STREAM, s); }, "[2001:db8::10]:443"), 0);
  EXPECT_EQ(seen([](Fd* s) { return try_connect_mapped(kLlm4, 443, s); }, "192.0.2.10:443"), 0);
}

TEST_F(Redirect, ReportsTheConnect) {
  ASSERT_EQ(run_inside(sandbox.cgroup(), [] { return try_connect(kLlm4, 443, SOCK_STREAM); }), 0);
  std::vector<Event> connects;
  guard->drain_events([&](const Event& event) {
    if (event.kind == EventKind::connect) connects.push_back(event);
  });
  ASSERT_EQ(connects.size(), 1u);
  EXPECT_EQ(connects[0].flow.original.to_string(), "192.0.2.10:443");
  EXPECT_EQ(connects[0].flow.process.cgroup_id, cgroup_id(sandbox.cgroup()));
}

TEST_F(Redirect, LeavesOtherPortsAndAddressesAlone) {
  Listener other("127.0.0.1", false);
  ASSERT_TRUE(guard->add_destination(*Endpoint::parse("127.0.0.1", 443), "llm.test"));
  const Counters before = guard->counters();
  EXPECT_EQ(run_inside(sandbox.cgroup(), [&] { return try_connect("127.0.0.1", other.port(), SOCK_STREAM); }),
            0);
  EXPECT_TRUE(other.accept().socket);
  EXPECT_FALSE(listener.accept(50).socket);
  const Counters after = guard->counters();
  EXPECT_EQ(after.connects_seen - before.connects_seen, 1u);
  EXPECT_EQ(after.redirected, before.redirected);
  EXPECT_EQ(after.refused, before.refused);
}

TEST_F(Redirect, LeavesProcessesOutsideAlone) {
  Listener llm("127.0.0.77", false);
  ASSERT_TRUE(guard->add_destination(*Endpoint::parse("127.0.0.77", llm.port()), "llm.test"));
  const auto connect = [&] { return try_connect("127.0.0.77", llm.port(), SOCK_STREAM); };
  EXPECT_EQ(run_inside("", connect), 0);
  EXPECT_TRUE(llm.accept().socket);
  EXPECT_EQ(guard->counters().connects_seen, 0u);
  EXPECT_EQ(run_inside(sandbox.cgroup(), connect), 0);
  EXPECT_FALSE(llm.accept(50).socket);
  EXPECT_TRUE(accepted_flow());
}

TEST_F(Redirect, ADirectConnectionToTheListenerHasNoFlow) {
  EXPECT_EQ(run_inside("", [&] { return try_connect("127.0.0.1", listener.port(), SOCK_STREAM); }), 0);
  EXPECT_FALSE(accepted_flow());
}

TEST_F(Redirect, AFlowIsTakenOnce) {
  ASSERT_EQ(run_inside(sandbox.cgroup(), [] { return try_connect(kLlm4, 443, SOCK_STREAM); }), 0);
  auto accepted = listener.accept();
  EXPECT_TRUE(guard->find_flow(accepted.peer, accepted.local));
  EXPECT_FALSE(guard->find_flow(accepted.peer, accepted.local));
}

}  // namespace
}  // namespace warden::kernel
