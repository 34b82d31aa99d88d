// SPDX-License-Identifier: Apache-2.0
// Connections that strict mode brought here though nobody knows their address: what is passed on, intercepted and refused.
#include "agent/pipeline/passing.h"

#include "tlsproxy/intercept/beginning.h"
#include "../tls/pki.h"
#include "test_worker.h"

namespace warden::pipeline {
namespace {

using audit::Field;
using namespace std::chrono_literals;

// Answers whatever comes first with "heard:" and it, or speaks before it is spoken to.
class Other {
 public:
  explicit Other(asio::io_context& io, std::string greeting = {})
      : acceptor_(io, Tcp::endpoint(asio::ip::address_v4::loopback(), 0)), greeting_(std::move(greeting)) {
    asio::co_spawn(io, accept(), asio::detached);
  }
  [[nodiscard]] uint16_t port() const { return acceptor_.local_endpoint().port(); }

  std::string heard;
  size_t connections = 0;

 private:
  asio::awaitable<void> accept() {
    for (;;) {
      auto [error, socket] = co_await acceptor_.async_accept(kTuple);
      if (error) co_return;
      ++connections;
      asio::co_spawn(acceptor_.get_executor(), answer(std::move(socket)), asio::detached);
    }
  }
  asio::awaitable<void> answer(Tcp::socket socket) {
    std::string block(4096, '\0');
    if (!greeting_.empty()) (void)co_await asio::async_write(socket, asio::buffer(greeting_), kTuple);
    for (;;) {
      const auto [error, size] = co_await socket.async_read_some(asio::buffer(block), kTuple);
      if (error) co_return;
      heard.append(block, 0, size);
      const std::string back = "heard:" + block.substr(0, size);
      (void)co_await asio::async_write(socket, asio::buffer(back), kTuple);
    }
  }

  Tcp::acceptor acceptor_;
  std::string greeting_;
};

class PassingTest : public testing::Test {
 protected:
  PassingTest() : worker_(tls::TestPki().root_pem()) {
    worker_.supervisor.grant.unknown = true;
    worker_.supervisor.grant.host.clear();
    worker_.services->passing_max = 2;
  }
  void lead_to(uint16_t port) { worker_.supervisor.grant.original.port = port; }
  // What the records of refused or noted connections say.
  std::vector<std::string> recorded() {
    std::vector<std::string> reasons;
    for (const audit::Draft& flow : worker_.supervisor.flows) reasons.push_back(text(flow, Field::net_capture) + " " + text(flow, Field::net_reason));
    return reasons;
  }
  std::string request(const std::string& line, const std::string& host) {
    const std::string body = R"({"model":"m","messages":[{"role":"user","content":"tide"}]})";
    return line + " HTTP/1.1\r\nHost: " + host + "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }

  TestWorker worker_;
};

TEST_F(PassingTest, WhatIsNoLlmsPassesWithoutARecord) {
  Other other(worker_.io);
  lead_to(other.port());
  const auto call = worker_.call(request("POST /v1", "other.test"));
  ASSERT_TRUE(worker_.run([&] { return call->answer.find("tide") != std::string::npos; })) << call->answer;
  EXPECT_EQ(other.heard, request("POST /v1", "other.test"));
  EXPECT_EQ(worker_.supervisor.passed_on, 1u);
  EXPECT_EQ(worker_.supervisor.identities, 0u) << "nobody need know whose it is";
  EXPECT_EQ(recorded(), std::vector<std::string>{});
}

TEST_F(PassingTest, AnLlmsIsInterceptedAndItsIdentityAskedFor) {
  const std::string host = std::string(kHost) + ":" + std::to_string(worker_.provider.port());
  const auto call = worker_.call(request("POST /v1/chat/completions", host));
  ASSERT_TRUE(worker_.run([&] { return call->answer.find("200 OK") != std::string::npos; })) << call->answer;
  EXPECT_EQ(worker_.supervisor.identities, 1u);
  EXPECT_EQ(worker_.supervisor.decisions.size(), 1u);
  EXPECT_EQ(worker_.supervisor.passed_on, 0u);
  EXPECT_EQ(*worker_.services->passing, 0u) << "its place is another's again";
}

TEST_F(PassingTest, AnLlmBehindAProxyIsRefused) {
  worker_.catalogue = *provider::Catalogue::load({{"openai", std::string(kHost), 443, true, "openai", {}, false, {}}});
  worker_.services->catalogue = worker_.catalogue;
  Other other(worker_.io);
  lead_to(other.port());
  const auto call = worker_.call("CONNECT llm.test:443 HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(worker_.run([&] { return call->over; }));
  EXPECT_EQ(other.connections, 0u);
  EXPECT_EQ(recorded(), std::vector<std::string>{"refused tunnel"});
}

TEST_F(PassingTest, AServerThatSpeaksFirstIsHeardAndWhatFollowsIsWatched) {
  worker_.catalogue = *provider::Catalogue::load({{"openai", std::string(kHost), 443, true, "openai", {}, false, {}}});
  worker_.services->catalogue = worker_.catalogue;
  Other other(worker_.io, "220 ready\r\n");
  lead_to(other.port());
  const auto call = worker_.call("");
  ASSERT_TRUE(worker_.run([&] { return call->answer == "220 ready\r\n"; }, 3s)) << call->answer;
  const std::string smuggled = request("POST /v1/chat/completions", std::string(kHost));
  asio::write(call->socket, asio::buffer(smuggled));
  ASSERT_TRUE(worker_.run([&] { return call->over; })) << call->answer;
  EXPECT_EQ(recorded(), std::vector<std::string>{"refused tunnel"});
  EXPECT_EQ(other.heard, "");
}

TEST_F(PassingTest, BytesThatAreHeldMeanwhileGoOnWhenTheClientWaits) {
  Other other(worker_.io);
  lead_to(other.port());
  const auto call = worker_.call("hello\n");
  ASSERT_TRUE(worker_.run([&] { return call->answer == "heard:hello\n"; }, 3s)) << call->answer;
  asio::write(call->socket, asio::buffer(std::string_view("PO")));  // might become a request
  ASSERT_TRUE(worker_.run([&] { return other.heard == "hello\nPO"; }, 3s)) << other.heard;
  asio::write(call->socket, asio::buffer(std::string_view("NG\n")));
  ASSERT_TRUE(worker_.run([&] { return other.heard == "hello\nPONG\n"; }, 3s)) << other.heard;
}

TEST_F(PassingTest, ADestinationThatRefusesAndAWorkerThatIsFullReset) {
  Tcp::acceptor gone(worker_.io, Tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  lead_to(gone.local_endpoint().port());
  gone.close();
  const auto call = worker_.call("hello\n");
  ASSERT_TRUE(worker_.run([&] { return call->over; }));
  EXPECT_EQ(worker_.supervisor.passed_on, 0u);

  worker_.services->passing_max = 0;
  Other other(worker_.io);
  lead_to(other.port());
  const auto full = worker_.call("hello\n");
  ASSERT_TRUE(worker_.run([&] { return full->over; }));
  EXPECT_EQ(other.connections, 0u);
}

TEST_F(PassingTest, AnUnreadableOpeningFollowsItsWord) {
  Other other(worker_.io);
  lead_to(other.port());
  const std::string odd = "GET / HTTP/1.1\r\nX: " + std::string(intercept::kBeginningBytesMax, 'x');
  const auto refused = worker_.call(odd);
  ASSERT_TRUE(worker_.run([&] { return refused->over; }));
  EXPECT_EQ(recorded(), std::vector<std::string>{"refused unreadable_hello"});
  EXPECT_EQ(other.heard, "");
  worker_.services->pass_unreadable = true;
  const auto passed = worker_.call(odd);
  ASSERT_TRUE(worker_.run([&] { return other.heard == odd; }));
  EXPECT_EQ(recorded().back(), "spliced unreadable_hello");
}

}  // namespace
}  // namespace warden::pipeline
