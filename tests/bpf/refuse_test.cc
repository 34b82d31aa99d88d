// SPDX-License-Identifier: Apache-2.0
// What is refused: LLM destinations while the agent is silent or has no listener, QUIC, and the listener's
// port.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <netinet/in.h>
#include <sys/mount.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "tests/bpf/sandbox.h"

namespace warden::kernel {
namespace {

using namespace std::chrono_literals;

constexpr char kLlm4[] = "192.0.2.10";
constexpr char kLlm6[] = "2001:db8::10";

class Refuse : public ::testing::Test {
 protected:
  void open(const GuardConfig& config) {
    auto opened = Guard::open(config);
    ASSERT_TRUE(opened) << opened.error().detail;
    guard = std::move(*opened);
    ASSERT_TRUE(guard->set_listener(own_netns_cookie(), listener.port()));
    ASSERT_TRUE(guard->add_destination(*Endpoint::parse(kLlm4, 443), "llm.test"));
    ASSERT_TRUE(guard->add_destination(*Endpoint::parse(kLlm6, 443), "llm.test"));
  }
  int connect_inside(const char* ip, uint16_t port, int type = SOCK_STREAM) {
    return run_inside(sandbox.cgroup(), [&] { return try_connect(ip, port, type); });
  }
  std::vector<std::string> reasons(EventKind kind) {
    std::vector<std::string> found;
    guard->drain_events([&](const Event& event) {
      if (event.kind == kind) found.push_back(event.reason);
    });
    return found;
  }
  static int send_to(const char* ip, uint16_t port) {
    sockaddr_storage address;
    const socklen_t length = Endpoint::parse(ip, port)->to_sockaddr(address);
    const Fd socket(::socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    return ::sendto(socket.get(), "x", 1, 0, reinterpret_cast<sockaddr*>(&address), length) == 1 ? 0 : errno;
  }

  Sandbox sandbox;
  Listener listener;
  std::unique_ptr<Guard> guard;
};

TEST_F(Refuse, LlmsOnlyWhileTheHeartbeatIsStale) {
  Listener other("127.0.0.1", false);
  GuardConfig config = sandbox.config();
  config.stale_after = 1s;
  open(config);
  EXPECT_EQ(connect_inside(kLlm4, 443), EPERM) << "nobody has beaten yet";
  guard->beat();
  EXPECT_EQ(connect_inside(kLlm4, 443), 0);
  std::this_thread::sleep_for(1100ms);
  EXPECT_EQ(connect_inside(kLlm4, 443), EPERM);
  EXPECT_EQ(connect_inside(kLlm6, 443), EPERM);
  EXPECT_EQ(connect_inside("127.0.0.1", other.port()), 0);
  guard->beat();
  EXPECT_EQ(connect_inside(kLlm6, 443), 0);
  EXPECT_EQ(reasons(EventKind::refused), std::vector<std::string>(3, "agent_stale"));
  EXPECT_EQ(guard->counters().refused, 3u);
}

TEST_F(Refuse, PassesStaleWhenConfiguredSo) {
  Listener llm("127.0.0.77", false);
  GuardConfig config = sandbox.config();
  config.pass_when_stale = true;
  open(config);
  ASSERT_TRUE(guard->add_destination(*Endpoint::parse("127.0.0.77", llm.port()), "llm.test"));
  EXPECT_EQ(connect_inside("127.0.0.77", llm.port()), 0);
  EXPECT_TRUE(llm.accept().socket);
  EXPECT_EQ(reasons(EventKind::passed), std::vector<std::string>(1, "agent_stale"));
  EXPECT_EQ(guard->counters().passed, 1u);
}

TEST_F(Refuse, WithoutAListenerForTheNamespace) {
  open(sandbox.config());
  guard->beat();
  ASSERT_TRUE(guard->set_listener(own_netns_cookie(), 0));
  EXPECT_EQ(connect_inside(kLlm4, 443), EPERM);
  EXPECT_EQ(reasons(EventKind::refused), std::vector<std::string>(1, "no_listener"));
}

TEST_F(Refuse, InANewNetworkNamespace) {
  open(sandbox.config());
  guard->beat();
  EXPECT_EQ(
      run_inside(sandbox.cgroup(),
                 [] { return ::unshare(CLONE_NEWNET) != 0 ? 255 : try_connect(kLlm4, 443, SOCK_STREAM); }),
      EPERM);
  EXPECT_EQ(reasons(EventKind::refused), std::vector<std::string>(1, "no_listener"));
}

TEST_F(Refuse, QuicByConnectAndBySend) {
  open(sandbox.config());
  guard->beat();
  EXPECT_EQ(connect_inside(kLlm4, 443, SOCK_DGRAM), EPERM);
  EXPECT_EQ(connect_inside(kLlm6, 443, SOCK_DGRAM), EPERM);
  EXPECT_EQ(run_inside(sandbox.cgroup(), [] { return send_to(kLlm4, 443); }), EPERM);
  EXPECT_EQ(run_inside(sandbox.cgroup(), [] { return send_to(kLlm6, 443); }), EPERM);
  EXPECT_EQ(reasons(EventKind::quic_refused), std::vector<std::string>(4, "quic"));
  EXPECT_EQ(run_inside(sandbox.cgroup(), [] { return send_to("127.0.0.1", 9); }), 0);
}

TEST_F(Refuse, UnknownQuicOnlyWhenConfiguredSo) {
  open(sandbox.config());
  guard->beat();
  EXPECT_EQ(run_inside(sandbox.cgroup(),
                       [] {
                         sockaddr_storage address;
                         const socklen_t length = Endpoint::parse("127.0.0.1", 443)->to_sockaddr(address);
                         const auto* raw = reinterpret_cast<sockaddr*>(&address);
                         const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
                         for (int i = 0; i < 10; ++i)
                           if (::sendto(socket.get(), "x", 1, 0, raw, length) != 1) return errno;
                         return 0;
                       }),
            0);
  EXPECT_EQ(reasons(EventKind::passed), std::vector<std::string>(1, "unknown_quic")) << "once a socket";
  GuardConfig config = sandbox.config();
  config.refuse_unknown_quic = true;
  open(config);
  EXPECT_EQ(run_inside(sandbox.cgroup(), [] { return send_to("127.0.0.1", 443); }), EPERM);
  EXPECT_EQ(connect_inside("127.0.0.1", 443, SOCK_DGRAM), EPERM);
  EXPECT_EQ(run_inside(sandbox.cgroup(), [] { return send_to("127.0.0.1", 53); }), 0);
}

TEST_F(Refuse, UnknownQuicOfOneSocketIsToldForEachAddress) {
  open(sandbox.config());
  guard->beat();
  const auto send_round = [](int socket, int addresses) {
    for (int i = 1; i <= addresses; ++i) {
      sockaddr_storage address;
      const socklen_t length = Endpoint::parse("127.0.44." + std::to_string(i), 443)->to_sockaddr(address);
      if (::sendto(socket, "x", 1, 0, reinterpret_cast<sockaddr*>(&address), length) != 1) return errno;
    }
    return 0;
  };
  const auto send = [&](int addresses) {
    return run_inside(sandbox.cgroup(), [&] {
      const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
      const int error = send_round(socket.get(), addresses);
      return error != 0 ? error : send_round(socket.get(), addresses);
    });
  };
  EXPECT_EQ(send(2), 0);
  EXPECT_EQ(reasons(EventKind::passed), std::vector<std::string>(2, "unknown_quic"));
  EXPECT_EQ(send(16), 0);
  EXPECT_EQ(reasons(EventKind::passed), std::vector<std::string>(16, "unknown_quic"));
  EXPECT_EQ(send(17), 0);
  EXPECT_EQ(reasons(EventKind::passed), std::vector<std::string>(34, "unknown_quic")) << "told again rather than not at all";
}

TEST_F(Refuse, NotTheExemptCgroup) {
  Listener llm("127.0.0.77", false);
  const std::string inner = sandbox.cgroup() + "/inner";
  ASSERT_EQ(::mkdir(inner.c_str(), 0755), 0);
  GuardConfig config = sandbox.config();
  config.exempt_cgroup = *cgroup_id(inner);
  open(config);
  ASSERT_TRUE(guard->add_destination(*Endpoint::parse("127.0.0.77", llm.port()), "llm.test"));
  EXPECT_EQ(run_inside(inner, [&] { return try_connect("127.0.0.77", llm.port(), SOCK_STREAM); }), 0);
  EXPECT_TRUE(llm.accept().socket);
  EXPECT_EQ(guard->counters().passed, 1u);
}

TEST_F(Refuse, ToBindTheListenersPort) {
  open(sandbox.config());
  const uint16_t port = listener.port();
  const auto bind_at = [](uint16_t at) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(at);
    address.sin_addr.s_addr = htonl(0x7f000042);  // 127.0.0.66: free, whoever listens at 127.0.0.1
    const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    return ::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
  };
  EXPECT_EQ(run_inside(sandbox.cgroup(), [&] { return bind_at(port); }), EPERM);
  EXPECT_EQ(run_inside(sandbox.cgroup(), [&] { return bind_at(0); }), 0);
  EXPECT_EQ(run_inside("", [&] { return bind_at(port); }), sandbox.guards_root() ? EPERM : 0);
}

TEST_F(Refuse, RawSocketsOnlyWhenConfiguredSo) {
  open(sandbox.config());
  const auto make = [](int domain, int type, int protocol) {
    const Fd socket(::socket(domain, type | SOCK_CLOEXEC, protocol));
    return socket ? 0 : errno;
  };
  EXPECT_EQ(run_inside(sandbox.cgroup(), [&] { return make(AF_INET, SOCK_RAW, IPPROTO_UDP); }), 0);
  EXPECT_EQ(run_inside(sandbox.cgroup(), [&] { return make(AF_INET6, SOCK_RAW, IPPROTO_TCP); }), 0);
  EXPECT_EQ(reasons(EventKind::passed), std::vector<std::string>(2, "raw_socket"));
  GuardConfig config = sandbox.config();
  config.refuse_special_sockets = true;
  open(config);
  EXPECT_EQ(run_inside(sandbox.cgroup(), [&] { return make(AF_INET, SOCK_RAW, IPPROTO_UDP); }), EPERM);
  EXPECT_EQ(run_inside(sandbox.cgroup(), [&] { return make(AF_INET, SOCK_DGRAM, IPPROTO_UDP); }), 0);
  EXPECT_EQ(run_inside("", [&] { return make(AF_INET, SOCK_RAW, IPPROTO_UDP); }), 0);
  EXPECT_EQ(reasons(EventKind::refused), std::vector<std::string>(1, "raw_socket"));
}

TEST_F(Refuse, XdpAndQueueSkippingPacketSocketsOnlyWhenConfiguredSo) {
  open(sandbox.config());
  const auto skip_queues = [] {
    const Fd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    const int on = 1;
    return ::setsockopt(socket.get(), SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) == 0 ? 0 : errno;
  };
  const auto give_memory = [] {
    const Fd socket(::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0));
    const xdp_umem_reg none{};  // not valid: the hook comes before anybody looks
    return ::setsockopt(socket.get(), SOL_XDP, XDP_UMEM_REG, &none, sizeof none) == 0 ? 0 : errno;
  };
  const auto long_value = [] {
    const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const std::string value(8192, '\0');
    return ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, value.data(), static_cast<socklen_t>(value.size())) == 0 ? 0 : errno;
  };
  EXPECT_EQ(run_inside(sandbox.cgroup(), skip_queues), 0);
  EXPECT_EQ(run_inside(sandbox.cgroup(), give_memory), EINVAL);
  EXPECT_EQ(run_inside(sandbox.cgroup(), long_value), 0);
  EXPECT_EQ(reasons(EventKind::passed), (std::vector<std::string>{"packet_socket", "xdp_socket"}));
  GuardConfig config = sandbox.config();
  config.refuse_special_sockets = true;
  open(config);
  EXPECT_EQ(run_inside(sandbox.cgroup(), skip_queues), EPERM);
  EXPECT_EQ(run_inside(sandbox.cgroup(), give_memory), EPERM);
}

TEST_F(Refuse, OnePortForTwoNamespaces) {
  open(sandbox.config());
  const auto second = guard->set_listener(own_netns_cookie() + 1, listener.port());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, GuardError::busy);
  Listener other;
  ASSERT_TRUE(guard->set_listener(own_netns_cookie(), other.port()));
  EXPECT_TRUE(guard->set_listener(own_netns_cookie() + 1, listener.port())) << "free since it serves nobody";
  EXPECT_FALSE(guard->set_listener(own_netns_cookie(), listener.port()));
  guard->beat();
  EXPECT_EQ(connect_inside(kLlm4, 443), 0);
  EXPECT_TRUE(other.accept().socket) << "what was asked for in vain changed nothing";
  ASSERT_TRUE(guard->set_listener(own_netns_cookie() + 1, 0));
  EXPECT_TRUE(guard->set_listener(own_netns_cookie(), listener.port()));
}

}  // namespace
}  // namespace warden::kernel
