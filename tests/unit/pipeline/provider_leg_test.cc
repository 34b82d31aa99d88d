// SPDX-License-Identifier: Apache-2.0
// An application that leaves while its provider is silent: nobody goes on dialling or waiting for it.
#include "agent/pipeline/provider_leg.h"

#include "../tls/pki.h"
#include "test_worker.h"

namespace warden::pipeline {
namespace {

using audit::Field;
using namespace std::chrono_literals;

std::string request(uint16_t port) {
  const std::string body = R"({"model":"m","messages":[{"role":"user","content":"tide"}]})";
  return "POST /v1/chat/completions HTTP/1.1\r\nHost: llm.test:" + std::to_string(port) +
         "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// Listens, and lets nobody in: its queue is full.
class FullQueue {
 public:
  explicit FullQueue(asio::io_context& io) : acceptor_(io) {
    const Tcp::endpoint loopback(asio::ip::address_v4::loopback(), 0);
    acceptor_.open(loopback.protocol());
    acceptor_.bind(loopback);
    acceptor_.listen(0);
    while (queued_.size() < 16) {
      Tcp::socket& socket = queued_.emplace_back(io);
      socket.open(loopback.protocol());
      socket.native_non_blocking(true);
      const Tcp::endpoint to = acceptor_.local_endpoint();
      (void)::connect(socket.native_handle(), to.data(), static_cast<socklen_t>(to.size()));  // Asio's own would wait
    }
  }
  [[nodiscard]] uint16_t port() const { return acceptor_.local_endpoint().port(); }

 private:
  Tcp::acceptor acceptor_;
  std::vector<Tcp::socket> queued_;
};

class ProviderLegTest : public testing::Test {
 protected:
  ProviderLegTest() : worker_(tls::TestPki().root_pem()) {}

  TestWorker worker_;
};

TEST_F(ProviderLegTest, AnApplicationThatLeavesWhileItsProviderIsDialledIsRecorded) {
  const FullQueue full(worker_.io);
  worker_.supervisor.grant.original.port = full.port();
  worker_.catalogue = *provider::Catalogue::load({{"openai", std::string(kHost), full.port(), false, "openai", {}, false, {}}});
  worker_.services->catalogue = worker_.catalogue;
  const auto call = worker_.call(request(full.port()));
  ASSERT_TRUE(worker_.run([&] { return worker_.supervisor.decisions.size() == 1; }));
  EXPECT_FALSE(worker_.run([&] { return !worker_.supervisor.outcomes.empty(); }, 300ms)) << "the dial came to an end of its own";

  call->socket.close();
  ASSERT_TRUE(worker_.run([&] { return worker_.supervisor.ended == 1; }, 2s)) << "the dial goes on for nobody";
  ASSERT_EQ(worker_.supervisor.outcomes.size(), 1u);
  const audit::Draft& outcome = worker_.supervisor.outcomes[0];
  EXPECT_EQ(text(outcome, Field::out_end), "client_abort");
  EXPECT_EQ(number(outcome, Field::io_sent_bytes), 0);
  EXPECT_EQ(number(outcome, Field::out_status), -1) << "nobody was told anything";
}

// The TCP handshake is the kernel's; the one of TLS never begins.
TEST_F(ProviderLegTest, AnApplicationThatLeavesDuringTheTlsHandshakeEndsIt) {
  Tcp::acceptor mute(worker_.io, Tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  const provider::Service service{.provider = "openai", .host = std::string(kHost), .dialect = "openai"};
  worker_.supervisor.grant.original.port = mute.local_endpoint().port();
  auto [accepted, application] = worker_.connect();
  Connection connection{.services = *worker_.services,
                        .grant = worker_.supervisor.grant,
                        .client = {tls::Stream(std::move(accepted)), {}},
                        .service = &service,
                        .host = std::string(kHost),
                        .provider = {},
                        .provider_key = {},
                        .unreached = {},
                        .facts = {},
                        .segments = {},
                        .row_of = {}};
  std::optional<Result<void, tls::StreamError>> reached;
  asio::co_spawn(worker_.io, reach_provider(connection, ""),
                 [&](const std::exception_ptr&, Result<void, tls::StreamError> result) { reached = std::move(result); });
  EXPECT_FALSE(worker_.run([&] { return reached.has_value(); }, 300ms));

  application.close();
  ASSERT_TRUE(worker_.run([&] { return reached.has_value(); }, 2s)) << "the handshake is waited for by nobody";
  ASSERT_FALSE(*reached);
  EXPECT_EQ(reached->error().code, tls::StreamError::cancelled);
  EXPECT_FALSE(connection.provider);
}

TEST_F(ProviderLegTest, AnApplicationThatStaysIsAnswered) {
  const auto call = worker_.call(request(worker_.provider.port()));
  ASSERT_TRUE(worker_.run([&] { return !call->answer.empty(); }));
  EXPECT_THAT(call->answer, testing::StartsWith("HTTP/1.1 200 OK"));
  EXPECT_EQ(text(worker_.supervisor.outcomes.at(0), Field::out_end), "complete");
}

}  // namespace
}  // namespace warden::pipeline
