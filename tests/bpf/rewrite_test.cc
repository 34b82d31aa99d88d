// SPDX-License-Identifier: Apache-2.0
// A redirected connection whose packets netfilter rewrites on their way: whoever is root in a container may set that up.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/time.h>

#include <cstdlib>
#include <cstring>

#include "tests/bpf/hello.h"
#include "tests/bpf/sandbox.h"

namespace warden::kernel {
namespace {

constexpr char kLlm[] = "192.0.2.10";

bool loopback_up() {
  ifreq loopback{};
  std::strcpy(loopback.ifr_name, "lo");
  loopback.ifr_flags = IFF_UP;
  const Fd control(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return ::ioctl(control.get(), SIOCSIFFLAGS, &loopback) == 0;
}

std::string rule(const char* tool, const std::string& to, uint16_t from_port, const std::string& other) {
  return std::string(tool) + " -w -t nat -A OUTPUT -p tcp -d " + to + " --dport " + std::to_string(from_port) +
         " -j DNAT --to-destination " + other;
}

class Rewrite : public ::testing::Test {
 protected:
  void SetUp() override {
    guard = sandbox.open_guard(listener);
    ASSERT_TRUE(guard);
    ASSERT_TRUE(guard->add_destination(*Endpoint::parse(kLlm, 443), "llm.test"));
  }
  // In a namespace of its own, with a listener that the guard knows and a server that it does not: connects to the LLM, sends a
  // hello and says what arrived where: 'l' at the listener, 's' at the server, '-' nowhere.
  std::string arrived(const std::string& address, const std::function<std::string(uint16_t, uint16_t)>& command) {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    Fd go(ends[1]);
    Child child(sandbox.cgroup(), [&](int out) {
      if (::unshare(CLONE_NEWNET) != 0 || !loopback_up()) return 1;
      Listener inside, server;
      const uint64_t facts[2] = {own_netns_cookie(), inside.port()};
      char byte = 0;
      if (::write(out, facts, sizeof facts) != sizeof facts || ::read(ends[0], &byte, 1) != 1) return 2;
      const std::string words = command(inside.port(), server.port());
      if (!words.empty() && std::system(words.c_str()) != 0) return 3;
      Fd socket(::socket(address == kLlm ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
      const timeval limit{1, 0};
      ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
      sockaddr_storage to;
      const socklen_t length = Endpoint::parse(address, 443)->to_sockaddr(to);
      const std::string hello = client_hello("api.llm.test");
      if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&to), length) == 0)
        ::send(socket.get(), hello.data(), hello.size(), MSG_NOSIGNAL);
      byte = inside.accept(100).socket ? 'l' : server.accept(100).socket ? 's' : '-';
      return ::write(out, &byte, 1) == 1 ? 0 : 4;
    });
    ::close(ends[0]);
    const std::string told = child.read(2 * sizeof(uint64_t));
    uint64_t facts[2] = {};
    if (told.size() == sizeof facts) std::memcpy(facts, told.data(), sizeof facts);
    EXPECT_TRUE(guard->set_listener(facts[0], static_cast<uint16_t>(facts[1])));
    EXPECT_EQ(::write(go.get(), "g", 1), 1);
    const std::string where = child.read(1);
    pid = child.pid();
    EXPECT_EQ(child.wait(), 0);
    return where;
  }
  std::vector<Event> tripped() {
    std::vector<Event> found;
    guard->drain_events([&](const Event& event) {
      if (event.kind == EventKind::tripped) found.push_back(event);
    });
    return found;
  }

  Sandbox sandbox;
  Listener listener;
  std::unique_ptr<Guard> guard;
  pid_t pid = 0;
};

TEST_F(Rewrite, ARedirectedStreamGoesToTheListenerOrNowhere) {
  EXPECT_EQ(arrived(kLlm, [](uint16_t, uint16_t) { return std::string(); }), "l");
  EXPECT_TRUE(tripped().empty());
  EXPECT_EQ(arrived(kLlm,
                    [](uint16_t listener_port, uint16_t other) {
                      return rule("iptables", "127.0.0.1", listener_port, "127.0.0.1:" + std::to_string(other));
                    }),
            "-");
  const auto found = tripped();
  ASSERT_EQ(found.size(), 1u) << "once a socket";
  EXPECT_EQ(found[0].reason, "rewritten");
  EXPECT_EQ(found[0].flow.original.to_string(), "192.0.2.10:443");
  EXPECT_EQ(found[0].flow.process.tgid, pid);
  EXPECT_TRUE(found[0].dropped);
}

// The same port at another address of loopback is another listener.
TEST_F(Rewrite, NorToTheSamePortElsewhere) {
  EXPECT_EQ(arrived(kLlm,
                    [](uint16_t listener_port, uint16_t) {
                      return rule("iptables", "127.0.0.1", listener_port, "127.0.0.5:" + std::to_string(listener_port));
                    }),
            "-");
  const auto found = tripped();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].reason, "rewritten");
}

TEST_F(Rewrite, NorByIpv6) {
  ASSERT_TRUE(guard->add_destination(*Endpoint::parse("2001:db8::10", 443), "llm.test"));
  EXPECT_EQ(arrived("2001:db8::10", [](uint16_t, uint16_t) { return std::string(); }), "l");
  EXPECT_EQ(arrived("2001:db8::10",
                    [](uint16_t listener_port, uint16_t other) {
                      return rule("ip6tables", "::1", listener_port, "[::1]:" + std::to_string(other));
                    }),
            "-");
  const auto found = tripped();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].reason, "rewritten");
}

}  // namespace
}  // namespace warden::kernel
