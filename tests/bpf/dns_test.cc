// SPDX-License-Identifier: Apache-2.0
// DNS learning: an answer that a guarded process receives makes its addresses LLM destinations before it can
// use them.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>

#include "tests/bpf/sandbox.h"

namespace warden::kernel {
namespace {

// Port 53 of a loopback address of this process' own, so that tests run side by side.
std::string resolver_ip() {
  static const pid_t pid = ::getpid();  // asked first by the test, not by its children
  return "127.53." + std::to_string(pid >> 8 & 0xff) + "." + std::to_string((pid & 0xff) | 1);
}

std::string number(unsigned value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)};
}

std::string labels(const std::string& name) {
  std::string wire;
  for (size_t at = 0; at <= name.size();) {
    const size_t dot = std::min(name.find('.', at), name.size());
    wire += static_cast<char>(dot - at);
    wire += name.substr(at, dot - at);
    at = dot + 1;
  }
  return wire + '\0';
}

// A pointer to `offset` in the message; the question's name is at 12.
std::string pointer(unsigned offset = 12) {
  return number(0xc000 | offset);
}

std::string record(const std::string& owner, unsigned type, const std::string& data) {
  return owner + number(type) + number(1) + number(0) + number(60) +
         number(static_cast<unsigned>(data.size())) + data;
}

std::string a(const std::string& owner, const std::string& ip) {
  const Endpoint endpoint = *Endpoint::parse(ip, 0);
  const std::string bytes(endpoint.address.begin(), endpoint.address.end());
  return endpoint.is_v4() ? record(owner, 1, bytes.substr(12)) : record(owner, 28, bytes);
}

std::string message(const std::string& name, const std::vector<std::string>& answers,
                    unsigned flags = 0x8180) {
  std::string wire = number(0x1234) + number(flags) + number(1) +
                     number(static_cast<unsigned>(answers.size())) + number(0) + number(0) + labels(name) +
                     number(1) + number(1);
  for (const std::string& answer : answers) wire += answer;
  return wire;
}

class Dns : public ::testing::Test {
 protected:
  void SetUp() override {
    guard = sandbox.open_guard(listener);
    ASSERT_TRUE(guard);
    ASSERT_TRUE(guard->set_names(
        {{"api.llm.test", 443}, {"*.Azure.llm.test", 443}, {"two.llm.test", 443}, {"two.llm.test", 8443}}));
    resolver.reset(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_storage address;
    const socklen_t length = Endpoint::parse(resolver_ip(), 53)->to_sockaddr(address);
    ASSERT_EQ(::bind(resolver.get(), reinterpret_cast<sockaddr*>(&address), length), 0) << errno;
  }

  // A guarded process asks, gets `answer` and connects at once to ip:port, when given. Returns connect()'s
  // errno.
  int resolve_then_connect(const std::string& answer, const std::string& ip = "", uint16_t port = 443) {
    Child client(sandbox.cgroup(), [&](int) {
      Fd socket;
      if (try_connect(resolver_ip(), 53, SOCK_DGRAM, &socket) != 0) return 250;
      timeval limit{2, 0};
      ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
      char bytes[4096];
      if (::write(socket.get(), "?", 1) != 1) return 251;
      const ssize_t got = ::read(socket.get(), bytes, sizeof bytes);
      if (std::string_view(bytes, static_cast<size_t>(std::max<ssize_t>(got, 0))) != answer) return 252;
      return ip.empty() ? 0 : try_connect(ip, port, SOCK_STREAM);
    });
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    char question[512];
    if (::recvfrom(resolver.get(), question, sizeof question, 0, reinterpret_cast<sockaddr*>(&peer),
                   &length) < 0)
      return 253;
    ::sendto(resolver.get(), answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&peer), length);
    return client.wait();
  }

  std::vector<std::string> learned() {
    std::vector<std::string> found;
    guard->drain_events([&](const Event& event) {
      if (event.kind == EventKind::dns_learned)
        found.push_back(event.host + " " + event.flow.original.to_string());
    });
    return found;
  }

  Sandbox sandbox;
  Listener listener;
  Fd resolver;
  std::unique_ptr<Guard> guard;
};

using Strings = std::vector<std::string>;

TEST_F(Dns, AnAnswerIsLearnedBeforeItIsRead) {
  const std::string answer = message("api.llm.test", {a(pointer(), "192.0.2.30")});
  EXPECT_EQ(resolve_then_connect(answer, "192.0.2.30"), 0);
  auto accepted = listener.accept();
  const auto flow = guard->find_flow(accepted.peer, accepted.local);
  ASSERT_TRUE(flow);
  EXPECT_EQ(flow->original.to_string(), "192.0.2.30:443");
  EXPECT_EQ(learned(), Strings{"api.llm.test 192.0.2.30:443"});
  EXPECT_EQ(guard->counters().dns_answers, 1u);
  EXPECT_EQ(guard->counters().dns_learned, 1u);
}

TEST_F(Dns, SeveralAddressesOfBothFamilies) {
  const std::string answer = message(
      "api.llm.test", {a(pointer(), "192.0.2.30"), a(pointer(), "192.0.2.31"), a(pointer(), "2001:db8::30")});
  EXPECT_EQ(resolve_then_connect(answer, "2001:db8::30"), 0);
  EXPECT_EQ(learned(), (Strings{"api.llm.test 192.0.2.30:443", "api.llm.test 192.0.2.31:443",
                                "api.llm.test [2001:db8::30]:443"}));
}

TEST_F(Dns, FollowsAChainOfAliases) {
  const std::string question = message("api.llm.test", {});
  const std::string first = record(pointer(), 5, labels("edge.cdn.test"));
  // The first alias' name, behind its 12-byte head, is what the second record speaks of.
  const unsigned edge = static_cast<unsigned>(question.size()) + 12;
  const std::string second = record(pointer(edge), 5, std::string("\x02n1", 3) + pointer(edge + 5));
  const unsigned node = static_cast<unsigned>(question.size() + first.size()) + 12;
  EXPECT_EQ(resolve_then_connect(message("api.llm.test", {first, second, a(pointer(node), "192.0.2.32")})),
            0);
  EXPECT_EQ(learned(), Strings{"api.llm.test 192.0.2.32:443"});
}

TEST_F(Dns, AnAliasOfAWantedNameIsWanted) {
  const std::string alias = record(pointer(), 5, labels("api.llm.test"));
  EXPECT_EQ(resolve_then_connect(message("llm.corp.test", {alias, a(labels("api.llm.test"), "192.0.2.33")})),
            0);
  EXPECT_EQ(learned(), Strings{"api.llm.test 192.0.2.33:443"});
}

TEST_F(Dns, AWildcardIsOneLabel) {
  EXPECT_EQ(resolve_then_connect(message("mine.azure.llm.test", {a(pointer(), "192.0.2.34")})), 0);
  EXPECT_EQ(resolve_then_connect(message("a.b.azure.llm.test", {a(pointer(), "192.0.2.35")})), 0);
  EXPECT_EQ(resolve_then_connect(message("azure.llm.test", {a(pointer(), "192.0.2.36")})), 0);
  EXPECT_EQ(learned(), Strings{"mine.azure.llm.test 192.0.2.34:443"});
}

TEST_F(Dns, CaseDoesNotMatter) {
  EXPECT_EQ(resolve_then_connect(message("aPi.LLm.TeSt", {a(pointer(), "192.0.2.37")})), 0);
  EXPECT_EQ(learned(), Strings{"api.llm.test 192.0.2.37:443"});
}

TEST_F(Dns, EveryPortOfAName) {
  EXPECT_EQ(resolve_then_connect(message("two.llm.test", {a(pointer(), "192.0.2.38")}), "192.0.2.38", 8443),
            0);
  EXPECT_EQ(learned(), (Strings{"two.llm.test 192.0.2.38:443", "two.llm.test 192.0.2.38:8443"}));
}

TEST_F(Dns, OtherNamesQuestionsAndErrorsTeachNothing) {
  const std::string answer = a(pointer(), "192.0.2.39");
  EXPECT_EQ(resolve_then_connect(message("www.example.test", {answer})), 0);
  EXPECT_EQ(resolve_then_connect(message("api.llm.test.evil.test", {answer})), 0);
  EXPECT_EQ(resolve_then_connect(message("xapi.llm.test", {answer})), 0);
  EXPECT_EQ(resolve_then_connect(message("api.llm.test", {answer}, 0x0100)), 0) << "a question";
  EXPECT_EQ(resolve_then_connect(message("api.llm.test", {answer}, 0x8183)), 0) << "NXDOMAIN";
  EXPECT_EQ(learned(), Strings{});
}

TEST_F(Dns, MalformedMessagesTeachNothingAndPass) {
  const std::string whole = message("api.llm.test", {a(pointer(), "192.0.2.40")});
  for (size_t length = 1; length < whole.size(); ++length)
    ASSERT_EQ(resolve_then_connect(whole.substr(0, length)), 0) << length;
  std::string loop = message("api.llm.test", {a(pointer(), "192.0.2.41")});
  loop.replace(12, 2, pointer(12));
  EXPECT_EQ(resolve_then_connect(loop), 0);
  std::string beyond = message("api.llm.test", {a(pointer(0x3fff), "192.0.2.42")});
  beyond[12] = '\x3f';
  EXPECT_EQ(resolve_then_connect(beyond), 0);
  EXPECT_EQ(resolve_then_connect(std::string(12, '\xff')), 0);
  EXPECT_EQ(resolve_then_connect(std::string(3000, '\xff')), 0);
  EXPECT_EQ(resolve_then_connect(
                message(std::string(63, 'a') + "." + std::string(63, 'b') + "." + std::string(63, 'c'),
                        {a(pointer(), "192.0.2.43")})),
            0);
  EXPECT_EQ(learned(), Strings{});
}

TEST_F(Dns, AnAnswerByTcpIsLearnedToo) {
  const std::string answer = message("api.llm.test", {a(pointer(), "192.0.2.47")});
  const Fd server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage address;
  const socklen_t length = Endpoint::parse(resolver_ip(), 53)->to_sockaddr(address);
  ASSERT_EQ(::bind(server.get(), reinterpret_cast<sockaddr*>(&address), length), 0) << errno;
  ASSERT_EQ(::listen(server.get(), 1), 0);
  Child client(sandbox.cgroup(), [&](int) {
    Fd socket;
    char bytes[4096];
    if (try_connect(resolver_ip(), 53, SOCK_STREAM, &socket) != 0) return 250;
    if (::recv(socket.get(), bytes, sizeof bytes, 0) != static_cast<ssize_t>(answer.size() + 2)) return 251;
    return try_connect("192.0.2.47", 443, SOCK_STREAM);
  });
  const Fd accepted(::accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC));
  const std::string framed = number(static_cast<unsigned>(answer.size())) + answer;
  ASSERT_EQ(::send(accepted.get(), framed.data(), framed.size(), 0), static_cast<ssize_t>(framed.size()));
  EXPECT_EQ(client.wait(), 0);
  EXPECT_EQ(learned(), Strings{"api.llm.test 192.0.2.47:443"});
}

TEST_F(Dns, WhatIsNotOldIsNotForgotten) {
  EXPECT_EQ(resolve_then_connect(message("api.llm.test", {a(pointer(), "192.0.2.48")})), 0);
  EXPECT_EQ(learned(), Strings{"api.llm.test 192.0.2.48:443"});
  guard->forget_old_destinations();
  EXPECT_EQ(resolve_then_connect(message("api.llm.test", {a(pointer(), "192.0.2.48")}), "192.0.2.48"), 0);
  EXPECT_EQ(learned(), Strings{}) << "known already";
}

TEST_F(Dns, ANameNoLongerWantedIsForgotten) {
  ASSERT_TRUE(guard->set_names({{"other.llm.test", 443}}));
  EXPECT_EQ(resolve_then_connect(message("api.llm.test", {a(pointer(), "192.0.2.44")})), 0);
  EXPECT_EQ(resolve_then_connect(message("other.llm.test", {a(pointer(), "192.0.2.45")})), 0);
  EXPECT_EQ(learned(), Strings{"other.llm.test 192.0.2.45:443"});
}

TEST_F(Dns, OnlyGuardedProcessesTeach) {
  const std::string answer = message("api.llm.test", {a(pointer(), "192.0.2.46")});
  const Fd outside(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_storage address;
  socklen_t length = Endpoint::parse("127.0.0.89", 0)->to_sockaddr(address);
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(::bind(outside.get(), raw, length), 0);
  ::getsockname(outside.get(), raw, &length);
  ASSERT_GT(::sendto(resolver.get(), answer.data(), answer.size(), 0, raw, length), 0);
  char bytes[512];
  ASSERT_GT(::recv(outside.get(), bytes, sizeof bytes, 0), 0);
  EXPECT_EQ(guard->counters().dns_answers, 0u);
}

}  // namespace
}  // namespace warden::kernel
