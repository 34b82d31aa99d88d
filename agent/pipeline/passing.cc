// SPDX-License-Identifier: Apache-2.0
#include "agent/pipeline/passing.h"

#include <memory>

#include "agent/base/log.h"
#include "agent/pipeline/lookout.h"
#include "agent/pipeline/provider_leg.h"
#include "agent/pipeline/records.h"
#include "tlsproxy/forward/splice.h"

namespace warden::pipeline {
namespace asio = boost::asio;
using asio::ip::tcp;
using Course = Lookout::Course;
using forward::Heard;

namespace {

// Longer than the kernel itself tries: whether and when to give up is the application's affair.
constexpr int kDialTimeoutMs = 180'000;

// One of the worker's places for such connections.
class Place {
 public:
  explicit Place(const Services& services) : places_(services.passing), taken_(*places_ < services.passing_max) {
    if (taken_) ++*places_;
  }
  ~Place() {
    if (taken_) --*places_;
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  [[nodiscard]] bool taken() const { return taken_; }

 private:
  std::shared_ptr<size_t> places_;
  bool taken_;
};

struct Passage {
  explicit Passage(Connection& c)
      : connection(c), client(c.client.stream.socket()), destination(client.get_executor()), lookout(c) {}
  Connection& connection;
  tcp::socket& client;
  tcp::socket destination;
  Lookout lookout;
  std::string seen;
  intercept::Beginning beginning;
  Lookout::Verdict verdict;

  void judge() {
    beginning = intercept::read_beginning(seen);
    verdict = lookout.first(beginning);
  }
};

// What the application bound its socket to, if it did; a redirected socket that was not bound comes from loopback.
std::optional<Endpoint> bound_source(tcp::socket& client) {
  boost::system::error_code error;
  const auto peer = Endpoint::from(client.remote_endpoint(error).data());
  if (error || !peer) return std::nullopt;
  const std::string ip = peer->ip();
  return ip == "127.0.0.1" || ip == "::1" ? std::nullopt : peer;
}

void reset(tcp::socket& socket) {
  boost::system::error_code ignored;
  socket.set_option(asio::socket_base::linger(true, 0), ignored);
  socket.close(ignored);
}

asio::awaitable<bool> reach(Passage& passage) {
  if (passage.destination.is_open()) co_return true;
  const forward::DialFrom from{kDialTimeoutMs, bound_source(passage.client)};
  const auto reached = co_await dial_original(passage.connection, passage.destination, from);
  if (reached) co_return true;
  passage.connection.services.tally.count("connections_total|unreachable");
  log::debug("passing on: {}", reached.error().detail);
  reset(passage.client);
  co_return false;
}

// The client's bytes until they tell what it wants; false: it left. An end without a verdict is an end to be passed on.
asio::awaitable<bool> hear(Passage& passage, std::chrono::milliseconds limit) {
  const Heard heard = co_await forward::read_more(passage.client, passage.seen, limit);
  switch (heard) {
    case Heard::more: passage.judge(); break;
    case Heard::nothing: break;
    case Heard::ended: passage.verdict = {Course::pass, "ended"}; break;
    case Heard::broken:
      passage.connection.services.tally.count("connections_total|closed_early");
      co_return false;
  }
  co_return true;
}

// The first bytes, or what there is of them in kQuiet.
asio::awaitable<bool> hear_first(Passage& passage) {
  const auto until = std::chrono::steady_clock::now() + kQuiet;
  while (passage.verdict.course == Course::more) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (left.count() <= 0) break;
    const bool there = co_await hear(passage, left);
    if (!there) co_return false;
  }
  co_return true;
}

// A client that is slow, or waits for the server: whoever speaks next tells.
asio::awaitable<bool> hear_either(Passage& passage) {
  while (passage.verdict.course == Course::more) {
    const bool client_speaks = co_await forward::speaks_first(passage.client, passage.destination);
    if (!client_speaks) {
      passage.verdict = {Course::watch, "server_first"};
      break;
    }
    const bool there = co_await hear(passage, std::chrono::milliseconds(0));
    if (!there) co_return false;
  }
  co_return true;
}

asio::awaitable<void> pass(Passage& passage) {
  Connection& connection = passage.connection;
  Services& services = connection.services;
  const std::string_view reason = passage.verdict.reason;
  services.supervisor.passed(connection.grant.flow);
  services.tally.count("connections_total|spliced");
  services.tally.count("strict_passed_total|" + std::string(reason));
  // The two kinds that may still have been an LLM's; the others are counted and no more.
  if (reason == "no_server_name" || reason == "unreadable_hello")
    services.supervisor.flow_record(connection.grant.flow, flow_draft(connection.grant, {}, "spliced", reason));
  forward::Ahead ahead;
  (reason == "server_first" ? ahead.held : ahead.passed) = std::move(passage.seen);
  if (passage.verdict.course == Course::watch) ahead.watch = &passage.lookout;
  co_await forward::splice(std::move(passage.client), std::move(passage.destination), services.pipes, std::move(ahead));
}

void refuse(Passage& passage) {
  Connection& connection = passage.connection;
  connection.services.tally.count("connections_total|refused");
  connection.services.supervisor.flow_record(
      connection.grant.flow, flow_draft(connection.grant, connection.host, "refused", passage.verdict.reason));
}

asio::awaitable<bool> take_over(Passage& passage, intercept::Opening& opening) {
  Connection& connection = passage.connection;
  reset(passage.destination);
  auto identity = co_await connection.services.supervisor.identity(connection.grant.flow);
  if (!identity) co_return false;
  connection.grant.identity = std::move(*identity);
  opening.layer = passage.beginning.kind == intercept::Beginning::Kind::tls ? intercept::Layer::tls : intercept::Layer::http;
  opening.hello = std::move(passage.beginning.hello);
  opening.seen = std::move(passage.seen);
  co_return true;
}

}  // namespace

asio::awaitable<bool> look_or_pass(Connection& connection, intercept::Opening& opening) {
  const Place place(connection.services);
  Passage passage(connection);
  if (!place.taken()) {
    connection.services.tally.count("connections_total|no_room");
    reset(passage.client);
    co_return false;
  }
  bool there = co_await hear_first(passage);
  if (there && passage.verdict.course == Course::more) {
    there = co_await reach(passage);
    if (there) there = co_await hear_either(passage);
  }
  if (!there) co_return false;
  if (passage.verdict.course == Course::intercept) co_return co_await take_over(passage, opening);
  if (passage.verdict.course == Course::refuse) {
    refuse(passage);
    co_return false;
  }
  there = co_await reach(passage);
  if (there) co_await pass(passage);
  co_return false;
}

}  // namespace warden::pipeline
