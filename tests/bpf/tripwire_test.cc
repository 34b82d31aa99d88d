// SPDX-License-Identifier: Apache-2.0
// The tripwire: an LLM's name in the opening of a connection that was not redirected ends the connection, whatever its
// port and however its bytes are cut; other openings pass.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/stat.h>

#include <cerrno>

#include "tests/bpf/hello.h"
#include "tests/bpf/sandbox.h"

namespace warden::kernel {
namespace {

using Pieces = std::vector<std::string>;

constexpr int kSentAll = 0, kEnded = 1, kNoConnection = 2;

// Sends each piece in a packet of its own, then waits for an answer of one byte.
int send_pieces(const std::string& ip, uint16_t port, const Pieces& pieces) {
  Fd socket;
  if (try_connect(ip, port, SOCK_STREAM, &socket) != 0) return kNoConnection;
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  for (const std::string& piece : pieces)
    if (::send(socket.get(), piece.data(), piece.size(), MSG_NOSIGNAL) < 0) return kEnded;
  char byte = 0;
  return ::recv(socket.get(), &byte, 1, 0) == 1 ? kSentAll : kEnded;
}

class Tripwire : public ::testing::Test {
 protected:
  void SetUp() override {
    guard = sandbox.open_guard(listener);
    ASSERT_TRUE(guard);
    ASSERT_TRUE(guard->set_names({{"api.llm.test", 443}, {"*.azure.llm.test", 443}, {"own.llm.test", other.port()}}));
  }

  // Serves one connection: reads until `bytes` came or the peer ended, answers when all came.
  std::string serve(Listener& at, size_t bytes) {
    // A first packet that is dropped may be what would have completed the handshake.
    const size_t before = tripped.size();
    Listener::Accepted accepted;
    for (int i = 0; i < 100 && !accepted.socket && tripped.size() == before; ++i) {
      accepted = at.accept(20);
      end_tripped();
    }
    std::string got;
    while (accepted.socket && got.size() < bytes) {
      pollfd ready{accepted.socket.get(), POLLIN, 0};
      char block[65536];
      end_tripped();
      if (::poll(&ready, 1, 20) == 0) continue;
      const ssize_t n = ::recv(accepted.socket.get(), block, sizeof block, 0);
      if (n <= 0) break;
      got.append(block, static_cast<size_t>(n));
    }
    if (got.size() == bytes) ::send(accepted.socket.get(), "k", 1, MSG_NOSIGNAL);
    return got;
  }

  // What the agent does.
  void end_tripped() {
    guard->drain_events([&](const Event& event) {
      if (event.kind != EventKind::tripped) return;
      tripped.push_back(event);
      if (event.is_tcp && event.dropped) {
        EXPECT_TRUE(destroy_socket(event.socket, 0));
      }
    });
  }

  // One connection from inside to `at`; returns how it ended for the client.
  int attempt(const Pieces& pieces, const std::string& ip = "127.0.0.1", Listener* at = nullptr) {
    Listener& server = at ? *at : other;
    size_t whole = 0;
    for (const std::string& piece : pieces) whole += piece.size();
    Child client(sandbox.cgroup(), [&](int) { return send_pieces(ip, server.port(), pieces); });
    delivered = serve(server, whole);
    const int ended = client.wait();
    end_tripped();
    return ended;
  }
  std::string reasons() {
    std::string all;
    for (const Event& event : std::exchange(tripped, {})) all += (all.empty() ? "" : " ") + event.reason + ":" + event.host;
    return all;
  }
  // Learned addresses are redirected afterwards: each attempt that trips needs one of its own.
  std::string trip(const Pieces& pieces) {
    ++trips;
    const std::string ip = "127.1." + std::to_string(trips >> 8) + "." + std::to_string(trips & 0xff);
    Listener server(ip, false);
    const int result = attempt(pieces, ip, &server);
    return result == kEnded ? reasons() : "result " + std::to_string(result) + " " + reasons();
  }

  Sandbox sandbox;
  Listener listener, other;
  std::unique_ptr<Guard> guard;
  std::vector<Event> tripped;
  std::string delivered;
  unsigned trips = 0;
};

TEST_F(Tripwire, EndsAConnectionThatNamesAnLlm) {
  EXPECT_EQ(attempt({client_hello("api.llm.test")}), kEnded);
  EXPECT_EQ(delivered, "");
  ASSERT_EQ(tripped.size(), 1u);
  EXPECT_EQ(tripped[0].reason, "tripwire");
  EXPECT_EQ(tripped[0].host, "api.llm.test");
  EXPECT_EQ(tripped[0].flow.original.to_string(), "127.0.0.1:" + std::to_string(other.port()));
  EXPECT_GT(tripped[0].flow.process.tgid, 0);
  EXPECT_EQ(tripped[0].flow.process.cgroup_id, cgroup_id(sandbox.cgroup()));
  EXPECT_EQ(guard->counters().refused, 1u);
}

TEST_F(Tripwire, TheNextAttemptIsRedirected) {
  EXPECT_EQ(attempt({client_hello("own.llm.test")}), kEnded);
  EXPECT_EQ(run_inside(sandbox.cgroup(), [&] { return try_connect("127.0.0.1", other.port(), SOCK_STREAM); }), 0);
  EXPECT_FALSE(other.accept(50).socket);
  const auto accepted = listener.accept();
  const auto flow = guard->find_flow(accepted.peer, accepted.local);
  ASSERT_TRUE(flow);
  EXPECT_EQ(flow->original.port, other.port());
  EXPECT_EQ(flow->host, "own.llm.test");
  EXPECT_FALSE(flow->told);
}

// One client's word about a port where the name has no endpoint must not have others redirected.
TEST_F(Tripwire, AnAddressAtAnotherPortIsNotLearned) {
  EXPECT_EQ(attempt({client_hello("api.llm.test")}), kEnded);
  EXPECT_EQ(run_inside(sandbox.cgroup(), [&] { return try_connect("127.0.0.1", other.port(), SOCK_STREAM); }), 0);
  EXPECT_TRUE(other.accept().socket);
}

TEST_F(Tripwire, ReadsIpv6AndMappedSockets) {
  EXPECT_EQ(attempt({client_hello("api.llm.test")}, "::1"), kEnded);
  EXPECT_EQ(reasons(), "tripwire:api.llm.test");
  Child client(sandbox.cgroup(), [&](int) {
    Fd socket;
    if (try_connect_mapped("127.0.0.1", other.port(), &socket) != 0) return kNoConnection;
    const std::string hello = client_hello("api.llm.test");
    ::send(socket.get(), hello.data(), hello.size(), MSG_NOSIGNAL);
    char byte = 0;
    return ::recv(socket.get(), &byte, 1, 0) == 1 ? kSentAll : kEnded;
  });
  EXPECT_EQ(serve(other, 1), "");
  EXPECT_EQ(client.wait(), kEnded);
  EXPECT_EQ(reasons(), "tripwire:api.llm.test");
}

TEST_F(Tripwire, ReadsBehindIpv6ExtensionHeaders) {
  Child client(sandbox.cgroup(), [&](int) {
    sockaddr_storage address;
    const socklen_t length = Endpoint::parse("::1", other.port())->to_sockaddr(address);
    const Fd socket(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const char padding[8] = {0, 0, 1, 4, 0, 0, 0, 0};  // one PadN option (RFC 8200, 4.2)
    if (::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_HOPOPTS, padding, sizeof padding) != 0 ||
        ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_DSTOPTS, padding, sizeof padding) != 0 ||
        ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), length) != 0)
      return kNoConnection;
    const std::string hello = client_hello("api.llm.test");
    ::send(socket.get(), hello.data(), hello.size(), MSG_NOSIGNAL);
    char byte = 0;
    return ::recv(socket.get(), &byte, 1, 0) == 1 ? kSentAll : kEnded;
  });
  EXPECT_EQ(serve(other, 1), "");
  EXPECT_EQ(client.wait(), kEnded);
  EXPECT_EQ(reasons(), "tripwire:api.llm.test");
}

TEST_F(Tripwire, ReadsAHelloSplitInTwo) {
  const std::string hello = client_hello("api.llm.test");
  const size_t within_name = hello.find("llm.test");
  for (const size_t at : {size_t{1}, size_t{5}, within_name, hello.size() - 1})
    EXPECT_EQ(trip({hello.substr(0, at), hello.substr(at)}), "tripwire:api.llm.test") << "split at " << at;
}

TEST_F(Tripwire, ReadsHellosHoweverTheyAreCut) {
  const std::string hello = client_hello("api.llm.test");
  for (size_t at = 1; at < hello.size(); at += at < 120 ? 1 : 7)
    ASSERT_EQ(trip({hello.substr(0, at), hello.substr(at)}).substr(0, 8), "tripwire") << "split at " << at;
  EXPECT_EQ(trip(cut(hello, 1)), "tripwire:api.llm.test");
  EXPECT_EQ(trip(cut(hello, 3)), "tripwire:api.llm.test");
}

TEST_F(Tripwire, ReadsOversizedHellosAndThoseOverSeveralRecords) {
  const HelloShape large{1216 + 32, true, 20};
  EXPECT_EQ(trip({client_hello("api.llm.test", large)}), "tripwire:api.llm.test");
  EXPECT_EQ(trip(cut(client_hello("api.llm.test", large), 1400)), "tripwire:api.llm.test");
  const std::string message = handshake_message("api.llm.test", large);
  for (const size_t record : {1u, 5u, 64u, 600u, 1300u})
    EXPECT_EQ(trip({in_records(message, record)}), "tripwire:api.llm.test") << record << "-byte records";
  EXPECT_EQ(trip(cut(in_records(message, 700), 11)), "tripwire:api.llm.test");
  // Larger than any record, sent at once: one packet for the whole (segmentation offload).
  EXPECT_EQ(trip({client_hello("api.llm.test", {40'000, true, 20})}), "tripwire:api.llm.test");
}

TEST_F(Tripwire, ReadsNamesAsDnsDoes) {
  EXPECT_EQ(trip({client_hello("API.LLM.Test")}), "tripwire:api.llm.test");
  EXPECT_EQ(trip({client_hello("api.llm.test.")}), "tripwire:api.llm.test");
  EXPECT_EQ(trip({client_hello("mine.azure.llm.test")}), "tripwire:mine.azure.llm.test");
}

TEST_F(Tripwire, LetsOtherOpeningsPass) {
  const std::string long_name = std::string(63, 'a') + "." + std::string(63, 'b') + ".api.llm.test";
  const std::string rest(3000, 'x');
  for (const std::string& opening :
       {client_hello("www.example.test"), client_hello("a.b.azure.llm.test"), client_hello("azure.llm.test"),
        client_hello("xapi.llm.test"), client_hello("api.llm.test.example"), client_hello(long_name), std::string("SSH"),
        std::string("GET / HTTP/1.1\r\nHost: www.example.test\r\n\r\n"),
        std::string("GET / HTTP/1.1\r\nX-Host: api.llm.test\r\n\r\n"), std::string("EHLO host\r\nMAIL host:api.llm.test\r\n"),
        std::string("\x16\x03\x03\x00\x04\x02\x00\x00\x00", 9), std::string(3000, '\x16'), std::string(3000, 'A'),
        std::string(9, '\0'), std::string("\x16")}) {
    EXPECT_EQ(attempt({opening, rest}), kSentAll) << opening.substr(0, 60);
    EXPECT_EQ(delivered, opening + rest);
  }
  EXPECT_EQ(reasons(), "");
  EXPECT_EQ(guard->counters().refused, 0u);
}

// What cannot be looked into goes its way, and is told once a connection.
TEST_F(Tripwire, NotesWhatItCannotLookInto) {
  const std::string rest(3000, 'x');
  for (const auto& [opening, reason] : {std::pair{client_hello(""), "nameless_hello:"}, std::pair{std::string("SSH-2.0-x\r\n"), "opaque_ssh:"}}) {
    EXPECT_EQ(attempt({opening, rest, rest}), kSentAll) << reason;
    EXPECT_EQ(delivered, opening + rest + rest);
    ASSERT_EQ(tripped.size(), 1u) << reason;
    EXPECT_FALSE(tripped[0].dropped);
    EXPECT_GT(tripped[0].flow.process.tgid, 0);
    EXPECT_EQ(tripped[0].flow.original.to_string(), "127.0.0.1:" + std::to_string(other.port()));
    EXPECT_EQ(reasons(), reason);
  }
  EXPECT_EQ(guard->counters().refused, 0u);
}

TEST_F(Tripwire, NotesWireGuardOnceASocket) {
  const auto send = [](std::initializer_list<std::string> datagrams) {
    Fd socket;
    if (try_connect("127.0.0.1", 51820, SOCK_DGRAM, &socket) != 0) return 1;
    for (const std::string& one : datagrams) ::send(socket.get(), one.data(), one.size(), 0);
    return 0;
  };
  const std::string initiation = std::string("\1\0\0\0", 4) + std::string(144, 'r');
  EXPECT_EQ(run_inside(sandbox.cgroup(), [&] { return send({initiation, initiation, initiation}); }), 0);
  end_tripped();
  ASSERT_EQ(tripped.size(), 1u);
  EXPECT_EQ(tripped[0].flow.original.to_string(), "127.0.0.1:51820");
  EXPECT_GT(tripped[0].flow.process.tgid, 0);
  EXPECT_EQ(reasons(), "opaque_wireguard:");
  // Another length, another type, and the answer's: not how a tunnel begins.
  EXPECT_EQ(run_inside(sandbox.cgroup(), [&] { return send({initiation + "x", std::string("\2\0\0\0", 4) + std::string(144, 'r'), "short"}); }), 0);
  end_tripped();
  EXPECT_EQ(reasons(), "");
}

TEST_F(Tripwire, ReadsPlainHttpAndConnect) {
  EXPECT_EQ(trip({"POST /v1/x HTTP/1.1\r\nAccept: */*\r\nhOST:  api.LLM.test:8080\r\n\r\n{}"}), "tripwire:api.llm.test");
  EXPECT_EQ(trip(cut("GET / HTTP/1.1\r\nHost: api.llm.test\r\n\r\n", 1)), "tripwire:api.llm.test");
  EXPECT_EQ(trip({"GET / HTTP/1.1\r\nCookie: " + std::string(9000, 'c') + "\r\nHost: api.llm.test\r\n\r\n"}),
            "tripwire:api.llm.test");
  EXPECT_EQ(trip({"CONNECT api.llm.test:443 HTTP/1.1\r\nHost: api.llm.test\r\n\r\n"}), "tunnel:api.llm.test");
  EXPECT_EQ(trip({"GET http://api.llm.test/ HTTP/1.1\r\nHost: api.llm.test\r\n\r\n"}), "tunnel:api.llm.test");
}

TEST_F(Tripwire, ReadsAHelloInsideATunnelAndDoesNotLearnTheProxy) {
  const std::string hello = client_hello("api.llm.test");
  const std::string greeting("\x05\x01\x00", 3), request("\x05\x01\x00\x01\x01\x02\x03\x04\x01\xbb", 10);
  EXPECT_EQ(attempt({"CONNECT 192.0.2.1:443 HTTP/1.1\r\n\r\n", hello}), kEnded);
  EXPECT_EQ(attempt({greeting, request, hello}), kEnded) << "and the proxy is still reached directly";
  EXPECT_EQ(reasons(), "tunnel:api.llm.test tunnel:api.llm.test");
}

TEST_F(Tripwire, AnOpeningThatCannotBeReadIsRefusedOrRecorded) {
  std::string broken = handshake_message("api.llm.test");
  broken[38] = '\xff';  // the session id is longer than the hello
  EXPECT_EQ(trip({in_records(broken)}), "unreadable_hello:");
  EXPECT_EQ(trip({"GET / HTTP/1.1\r\nCookie: " + std::string(20'000, 'c') + "\r\nHost: api.llm.test\r\n\r\n"}),
            "unreadable_hello:");
  GuardConfig config = sandbox.config();
  config.pass_unreadable = true;
  ASSERT_TRUE(Guard::open(config));
  EXPECT_EQ(attempt({in_records(broken)}), kSentAll);
  ASSERT_EQ(tripped.size(), 1u);
  EXPECT_FALSE(tripped[0].dropped);
}

TEST_F(Tripwire, ReadsDataSentWithTheSyn) {
  Listener server("127.0.0.1", false);
  Child client(sandbox.cgroup(), [&](int) {
    sockaddr_storage address;
    const socklen_t length = Endpoint::parse("127.0.0.1", server.port())->to_sockaddr(address);
    const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const std::string hello = client_hello("api.llm.test");
    if (::sendto(socket.get(), hello.data(), hello.size(), MSG_FASTOPEN | MSG_NOSIGNAL,
                 reinterpret_cast<sockaddr*>(&address), length) < 0)
      return kEnded;
    char byte = 0;
    return ::recv(socket.get(), &byte, 1, 0) == 1 ? kSentAll : kEnded;
  });
  EXPECT_EQ(serve(server, 1), "");
  EXPECT_EQ(client.wait(), kEnded);
  EXPECT_EQ(reasons(), "tripwire:api.llm.test");
}

TEST_F(Tripwire, AStreamThatWasDisconnectedIsReadAnew) {
  Child client(sandbox.cgroup(), [&](int) {
    Fd socket;
    if (try_connect("127.0.0.1", other.port(), SOCK_STREAM, &socket) != 0) return kNoConnection;
    if (::send(socket.get(), "\x16\x03\x01", 3, MSG_NOSIGNAL) != 3) return 10;
    sockaddr_storage address{};
    if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return 11;
    const socklen_t length = Endpoint::parse("127.0.0.1", other.port())->to_sockaddr(address);
    if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), length) != 0) return 12;
    const std::string hello = client_hello("api.llm.test");
    ::send(socket.get(), hello.data(), hello.size(), MSG_NOSIGNAL);
    char byte = 0;
    return ::recv(socket.get(), &byte, 1, 0) == 1 ? kSentAll : kEnded;
  });
  EXPECT_EQ(serve(other, 100).size(), 3u);
  EXPECT_EQ(serve(other, 1), "");
  EXPECT_EQ(client.wait(), kEnded);
  EXPECT_EQ(reasons(), "tripwire:api.llm.test");
}

TEST_F(Tripwire, LeavesRedirectedSocketsAndTheExemptCgroupAlone) {
  const std::string inner = sandbox.cgroup() + "/inner", hello = client_hello("api.llm.test");
  ASSERT_EQ(::mkdir(inner.c_str(), 0755), 0);
  GuardConfig config = sandbox.config();
  config.exempt_cgroup = *cgroup_id(inner);
  ASSERT_TRUE(Guard::open(config));
  Child worker(inner, [&](int) { return send_pieces("127.0.0.1", other.port(), {hello}); });
  EXPECT_EQ(serve(other, hello.size()), hello);
  EXPECT_EQ(worker.wait(), kSentAll);
  ASSERT_TRUE(guard->add_destination(*Endpoint::parse("192.0.2.10", 443), "api.llm.test"));
  Child client(sandbox.cgroup(), [&](int) { return send_pieces("192.0.2.10", 443, {hello}); });
  EXPECT_EQ(serve(listener, hello.size()), hello);
  EXPECT_EQ(client.wait(), kSentAll);
  EXPECT_EQ(reasons(), "");
}

}  // namespace
}  // namespace warden::kernel
