// SPDX-License-Identifier: Apache-2.0
// Where the guard only observes, nothing is redirected, refused or dropped, whether an agent beats or not, and whatever else
// is configured; and each LLM connection is told of once, with the host's name.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "tests/bpf/hello.h"
#include "tests/bpf/sandbox.h"

namespace warden::kernel {
namespace {

constexpr char kLlm4[] = "127.0.0.88";

// Everything is asked for that refuses when the guard does more than observe.
GuardConfig observing(const Sandbox& sandbox) {
  GuardConfig config = sandbox.config();
  config.observe = true;
  config.refuse_unknown_quic = true;
  config.refuse_special_sockets = true;
  return config;
}

// Sends all and waits for an answer of one byte: 0, or the errno of the first call that failed.
int send_all(const std::string& ip, uint16_t port, const std::string& bytes) {
  Fd socket;
  if (const int failed = try_connect(ip, port, SOCK_STREAM, &socket); failed != 0) return failed;
  if (::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size())) return errno;
  char byte = 0;
  return ::recv(socket.get(), &byte, 1, 0) == 1 ? 0 : errno;
}

std::string serve(Listener& at, size_t bytes) {
  const Listener::Accepted accepted = at.accept();
  std::string got(bytes, '\0');
  const ssize_t n = ::recv(accepted.socket.get(), got.data(), got.size(), MSG_WAITALL);
  got.resize(n > 0 ? static_cast<size_t>(n) : 0);
  ::send(accepted.socket.get(), "k", 1, MSG_NOSIGNAL);
  return got;
}

class Observe : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = Guard::open(observing(sandbox));
    ASSERT_TRUE(opened) << opened.error().detail;
    guard = std::move(*opened);
    ASSERT_TRUE(guard->add_destination(*Endpoint::parse(kLlm4, llm.port()), "api.llm.test"));
    ASSERT_TRUE(guard->set_names({{"api.llm.test", 443}, {"own.llm.test", other.port()}}));
  }
  // "kind reason host" of each event about a connection or a socket.
  std::vector<std::string> told() {
    std::vector<std::string> found;
    guard->drain_events([&](const Event& event) {
      const std::string host = event.host.empty() ? event.flow.host : event.host;
      if (event.kind == EventKind::passed) found.push_back("passed " + event.reason + " " + host);
      if (event.kind == EventKind::refused || event.kind == EventKind::quic_refused) found.push_back("refused " + event.reason);
      if (event.kind == EventKind::connect) found.push_back("redirected");
      if (event.kind == EventKind::tripped)
        found.push_back(std::string(event.dropped ? "dropped " : "seen ") + event.reason + " " + host);
    });
    return found;
  }
  // A whole exchange of a process inside with `server`; what arrived there.
  std::string exchange(Listener& server, const std::string& ip, const std::string& bytes) {
    Child client(sandbox.cgroup(), [&](int) { return send_all(ip, server.port(), bytes); });
    std::string got = serve(server, bytes.size());
    EXPECT_EQ(client.wait(), 0);
    return got;
  }

  Sandbox sandbox;
  Listener llm{kLlm4, false}, other;
  std::unique_ptr<Guard> guard;
};

using Told = std::vector<std::string>;

TEST_F(Observe, AConnectionReachesItsPeerUntouchedAndIsToldOfOnce) {
  const std::string hello = client_hello("api.llm.test") + std::string(100'000, 'p');
  EXPECT_EQ(exchange(llm, kLlm4, hello), hello) << "nobody has beaten";
  EXPECT_EQ(told(), Told{"passed observe api.llm.test"}) << "the tripwire does not tell again";
  guard->beat();
  EXPECT_EQ(exchange(llm, kLlm4, hello), hello);
  EXPECT_EQ(told(), Told{"passed observe api.llm.test"});
  EXPECT_EQ(guard->counters().passed, 2u);
  EXPECT_EQ(guard->counters().refused, 0u);
  EXPECT_EQ(guard->counters().redirected, 0u);
}

TEST_F(Observe, ANameInTheOpeningIsSeenAndItsAddressLearned) {
  const std::string hello = client_hello("own.llm.test");
  EXPECT_EQ(exchange(other, "127.0.0.1", hello), hello);
  EXPECT_EQ(told(), Told{"seen tripwire own.llm.test"});
  EXPECT_EQ(exchange(other, "127.0.0.1", hello), hello);
  EXPECT_EQ(told(), Told{"passed observe own.llm.test"}) << "by its address now";
}

TEST_F(Observe, ATunnelAndAnUnreadableHelloPass) {
  const std::string tunnel = "CONNECT api.llm.test:443 HTTP/1.1\r\nHost: api.llm.test:443\r\n\r\n";
  EXPECT_EQ(exchange(other, "127.0.0.1", tunnel), tunnel);
  EXPECT_EQ(told(), Told{"seen tunnel api.llm.test"});
  std::string malformed = client_hello("api.llm.test");
  malformed[43] = '\x7f';  // the session id is longer than it may be
  EXPECT_EQ(exchange(other, "127.0.0.1", malformed), malformed);
  EXPECT_EQ(told(), Told{"seen unreadable_hello "});
}

TEST_F(Observe, DatagramsPassAndAreToldOfOncePerSocket) {
  const auto send_three = [&](bool connected) {
    sockaddr_storage address;
    const socklen_t length = Endpoint::parse(kLlm4, llm.port())->to_sockaddr(address);
    const auto* raw = reinterpret_cast<sockaddr*>(&address);
    const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (connected && ::connect(socket.get(), raw, length) != 0) return errno;
    for (int i = 0; i < 3; ++i) {
      const ssize_t n = connected ? ::send(socket.get(), "x", 1, 0) : ::sendto(socket.get(), "x", 1, 0, raw, length);
      if (n != 1 && errno != ECONNREFUSED) return errno;  // nobody listens there
    }
    return 0;
  };
  for (const bool connected : {false, true}) {
    EXPECT_EQ(run_inside(sandbox.cgroup(), [&] { return send_three(connected); }), 0);
    EXPECT_EQ(told(), Told{"passed quic api.llm.test"});
  }
  EXPECT_EQ(run_inside(sandbox.cgroup(), [] { return try_connect("127.0.0.1", 443, SOCK_DGRAM); }), 0);
  EXPECT_EQ(told(), Told{"passed unknown_quic "});
}

TEST_F(Observe, SpecialSocketsAreMadeAndToldOf) {
  EXPECT_EQ(run_inside(sandbox.cgroup(),
                       [] {
                         const Fd socket(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_UDP));
                         return socket ? 0 : errno;
                       }),
            0);
  EXPECT_EQ(told(), Told{"passed raw_socket "});
}

TEST_F(Observe, AConnectionOlderThanTheGuardsKnowledgeGoesOn) {
  int go[2];
  ASSERT_EQ(::pipe2(go, O_CLOEXEC), 0);
  Child client(sandbox.cgroup(), [&](int out) {
    Fd socket;
    char byte = 'c';
    if (try_connect("127.0.0.1", other.port(), SOCK_STREAM, &socket) != 0) return 250;
    if (::write(out, &byte, 1) != 1 || ::read(go[0], &byte, 1) != 1) return 251;
    return ::send(socket.get(), "prompt", 6, MSG_NOSIGNAL) == 6 && ::recv(socket.get(), &byte, 1, 0) == 1 ? 0 : errno;
  });
  EXPECT_EQ(client.read(1), "c");
  ASSERT_TRUE(guard->add_destination(*Endpoint::parse("127.0.0.1", other.port()), "api.llm.test"));
  ASSERT_EQ(::write(go[1], "g", 1), 1);
  EXPECT_EQ(serve(other, 6), "prompt");
  EXPECT_EQ(client.wait(), 0);
  EXPECT_EQ(told(), Told{"seen not_hooked api.llm.test"});
  ::close(go[0]), ::close(go[1]);
}

// From a guard that redirected: no listener, and no port that is anybody's, is left behind.
TEST(ObserveAfterAnother, ForgetsTheListeners) {
  Sandbox sandbox;
  Listener listener, llm(kLlm4, false);
  auto guard = sandbox.open_guard(listener);
  ASSERT_TRUE(guard);
  ASSERT_TRUE(guard->add_destination(*Endpoint::parse(kLlm4, llm.port()), "api.llm.test"));
  EXPECT_EQ(run_inside(sandbox.cgroup(), [&] { return try_connect(kLlm4, llm.port(), SOCK_STREAM); }), 0);
  EXPECT_TRUE(listener.accept().socket) << "redirected";
  guard.reset();
  auto opened = Guard::open(observing(sandbox));
  ASSERT_TRUE(opened) << opened.error().detail;
  EXPECT_TRUE((*opened)->took_over());
  EXPECT_EQ(run_inside(sandbox.cgroup(), [&] { return try_connect(kLlm4, llm.port(), SOCK_STREAM); }), 0);
  EXPECT_TRUE(llm.accept().socket) << "direct";
  const uint16_t port = listener.port();
  EXPECT_EQ(run_inside(sandbox.cgroup(),
                       [port] {
                         sockaddr_in address{};
                         address.sin_family = AF_INET;
                         address.sin_port = htons(port);
                         address.sin_addr.s_addr = htonl(0x7f000042);
                         const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
                         return ::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
                       }),
            0);
}

}  // namespace
}  // namespace warden::kernel
