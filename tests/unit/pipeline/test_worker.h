// SPDX-License-Identifier: Apache-2.0
// A worker's connections on loopback without a supervisor or a kernel half: every connection is "redirected" to a provider of
// the test's own, and records are kept instead of sent. One thread; a test runs the loop until what it waits for is there.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "agent/pipeline/connection.h"
#include "audit/record/schema.h"
#include "policy/rules/bundle.h"
#include "tlsproxy/http/parser.h"

namespace warden::pipeline {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
inline constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
inline constexpr std::string_view kHost = "llm.test";

inline std::string text(const audit::Draft& draft, audit::Field field) {
  const audit::Value* value = draft.get(field);
  const auto* words = value == nullptr ? nullptr : std::get_if<std::string>(value);
  return words == nullptr ? std::string() : *words;
}

inline int64_t number(const audit::Draft& draft, audit::Field field) {
  const audit::Value* value = draft.get(field);
  const auto* n = value == nullptr ? nullptr : std::get_if<int64_t>(value);
  return n == nullptr ? -1 : *n;
}

class Recorded final : public Supervisor {
 public:
  FlowGrant grant;
  std::vector<audit::Draft> decisions, outcomes, flows;
  size_t ended = 0, sockets = 0, identities = 0, passed_on = 0;
  bool hold = false;  // no record becomes durable meanwhile
  RecordResult result = RecordResult::durable;

  asio::awaitable<std::optional<FlowGrant>> flow(const Endpoint&, const Endpoint&) override { co_return grant; }
  asio::awaitable<std::optional<attribution::Identity>> identity(uint64_t) override {
    ++identities;
    co_return attribution::Identity{};
  }
  void passed(uint64_t) override { ++passed_on; }
  asio::awaitable<bool> leaf(const std::string&) override { co_return false; }
  asio::awaitable<RecordResult> record(uint64_t, const audit::Draft& decision) override {
    decisions.push_back(decision);
    asio::steady_timer pause(co_await asio::this_coro::executor);
    while (hold) {
      pause.expires_after(std::chrono::milliseconds(2));
      (void)co_await pause.async_wait(kTuple);
    }
    co_return result;
  }
  void outcome(uint64_t, const audit::Draft& outcome) override { outcomes.push_back(outcome); }
  void flow_record(uint64_t, const audit::Draft& record) override { flows.push_back(record); }
  void flow_end(uint64_t) override { ++ended; }
  asio::awaitable<Fd> socket(uint64_t, bool v6) override {
    ++sockets;
    co_return Fd(::socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  }
};

// Everything may pass; government numbers are redacted.
inline std::shared_ptr<const policy::Program> lenient_policy() {
  constexpr std::string_view kText =
      "apiVersion: egresswarden/v1\nkind: PolicyBundle\nmetadata: { name: t, version: \"1\" }\nspec:\n"
      "  defaults: { decision: allow, mode: enforce, on_unreadable: block }\n"
      "  rules:\n"
      "    - { id: ids, effect: redact, when: { data: { any: [pii.gov] } } }\n"
      "    - { id: rest, effect: allow }\n";
  policy::LoadOptions options;
  options.allow_unsigned = true;
  auto program = policy::compile({"policy.yaml", {{"policy.yaml", std::string(kText)}}, {}}, options);
  if (!program) ADD_FAILURE() << program.error().detail;
  return program ? *program : nullptr;
}

// Reads whole requests and answers each with 200; while `hold` is set, none is answered.
class Provider {
 public:
  explicit Provider(asio::io_context& io) : acceptor_(io, Tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
    asio::co_spawn(io, accept(), asio::detached);
  }
  [[nodiscard]] uint16_t port() const { return acceptor_.local_endpoint().port(); }

  std::vector<std::string> bodies;  // framing removed
  bool hold = false;

 private:
  asio::awaitable<void> accept() {
    for (;;) {
      auto [error, socket] = co_await acceptor_.async_accept(kTuple);
      if (error) co_return;
      asio::co_spawn(acceptor_.get_executor(), answer(std::move(socket)), asio::detached);
    }
  }
  asio::awaitable<void> answer(Tcp::socket socket) {
    std::string block(64 * 1024, '\0');
    http::Parser parser(http::Side::request);
    for (std::string body;; body.clear(), parser.reset()) {
      while (!parser.complete()) {
        const auto [error, size] = co_await socket.async_read_some(asio::buffer(block), kTuple);
        if (error) co_return;
        for (std::string_view rest(block.data(), size); !rest.empty();) {
          const auto taken = parser.feed(rest, [&](std::string_view span) { body += span; });
          if (!taken) co_return;
          rest.remove_prefix(*taken);
        }
      }
      bodies.push_back(body);
      asio::steady_timer pause(socket.get_executor());
      while (hold) {
        pause.expires_after(std::chrono::milliseconds(2));
        (void)co_await pause.async_wait(kTuple);
      }
      static constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
      (void)co_await asio::async_write(socket, asio::buffer(kAnswer), kTuple);
    }
  }

  Tcp::acceptor acceptor_;
};

struct Call {
  explicit Call(asio::io_context& io) : socket(io) {}
  Tcp::socket socket;
  std::string answer;
  bool over = false;
};

struct TestWorker {
  static constexpr uint64_t kBodyBytesMax = 4 << 20;

  explicit TestWorker(const std::string& anchors_pem, Bodies::Limits limits = {}, std::vector<Fd> files = {})
      : bodies(std::make_unique<Bodies>(limits, std::move(files))) {
    pack = *classify::Pack::load();
    scanner = std::make_unique<classify::Scanner>(pack);
    provider_tls = std::move(*tls::ProviderContext::make(anchors_pem));
    catalogue = *provider::Catalogue::load({{"openai", std::string(kHost), provider.port(), false, "openai", {}, false, {}}});
    supervisor.grant.host = kHost;
    supervisor.grant.original = *Endpoint::parse("127.0.0.1", provider.port());
    services = std::make_unique<Services>(Services{.supervisor = supervisor,
                                                   .client_tls = client_tls,
                                                   .provider_tls = *provider_tls,
                                                   .pool = pool,
                                                   .scanner = *scanner,
                                                   .tally = tally,
                                                   .catalogue = catalogue,
                                                   .pack = pack,
                                                   .policy = lenient_policy(),
                                                   .redaction_key = "r",
                                                   .digest_key = HmacSha256("c"),
                                                   .ruleset = "",
                                                   .body_bytes_max = kBodyBytesMax,
                                                   .bodies = *bodies});
  }

  // A connection as the worker accepts it, and the application's end of it.
  std::pair<Tcp::socket, Tcp::socket> connect() {
    Tcp::acceptor acceptor(io, Tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    Tcp::socket application(io);
    application.connect(acceptor.local_endpoint());
    return {acceptor.accept(), std::move(application)};
  }

  // Sends `request` on a connection of its own and collects what comes back until the agent closes.
  std::shared_ptr<Call> call(std::string request) {
    auto [accepted, application] = connect();
    asio::co_spawn(io, serve(*services, std::move(accepted)), asio::detached);
    auto made = std::make_shared<Call>(io);
    made->socket = std::move(application);
    asio::co_spawn(io, speak(made, std::move(request)), asio::detached);
    return made;
  }

  template <class Until>
  bool run(Until&& until, std::chrono::milliseconds limit = std::chrono::seconds(20)) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!until() && std::chrono::steady_clock::now() < end) io.run_one_for(std::chrono::milliseconds(20));
    return until();
  }
  std::string answered(std::string request) {
    const size_t before = supervisor.ended;
    const auto made = call(std::move(request));
    EXPECT_TRUE(run([&] { return made->over && supervisor.ended > before; })) << "no end of the answer: " << made->answer;
    return made->answer;
  }

  std::unique_ptr<Bodies> bodies;  // outlives the connections that the loop still holds
  asio::io_context io{1};
  Provider provider{io};
  Recorded supervisor;
  std::shared_ptr<const classify::Pack> pack;
  std::unique_ptr<classify::Scanner> scanner;
  tls::ClientContext client_tls;
  std::unique_ptr<tls::ProviderContext> provider_tls;
  forward::Pool pool;
  Tally tally;
  std::shared_ptr<const provider::Catalogue> catalogue;
  std::unique_ptr<Services> services;

 private:
  static asio::awaitable<void> speak(std::shared_ptr<Call> call, std::string request) {
    (void)co_await asio::async_write(call->socket, asio::buffer(request), kTuple);
    std::string block(64 * 1024, '\0');
    for (;;) {
      const auto [error, size] = co_await call->socket.async_read_some(asio::buffer(block), kTuple);
      if (error) break;
      call->answer.append(block, 0, size);
    }
    call->over = true;
    boost::system::error_code ignored;
    call->socket.close(ignored);
  }
};

}  // namespace warden::pipeline
