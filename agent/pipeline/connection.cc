// SPDX-License-Identifier: Apache-2.0
#include "agent/pipeline/connection.h"

#include <chrono>

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/pipeline/http1.h"
#include "agent/pipeline/http2.h"
#include "agent/pipeline/joints.h"
#include "agent/pipeline/passing.h"
#include "agent/pipeline/provider_leg.h"
#include "agent/pipeline/records.h"
#include "agent/pipeline/version.h"
#include "tlsproxy/forward/splice.h"
#include "tlsproxy/intercept/opening.h"
#include "tlsproxy/tls/deadline.h"

namespace warden::pipeline {
namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr uint16_t kHttpsPort = 443;
constexpr int kOpeningTimeoutMs = 30'000;
constexpr auto kHandshakeTimeout = std::chrono::seconds(30);

Endpoint endpoint_of(const tcp::endpoint& endpoint) {
  return Endpoint::from(endpoint.data()).value_or(Endpoint{});
}

// What to do with a connection once its first bytes are known.
enum class Course : uint8_t { intercept, splice, refuse };

struct Chosen {
  Course course = Course::refuse;
  std::string_view reason;
};

// Plain HTTP carries no name before its head, and a Host field says what its sender likes. So the endpoint is the one that the
// address is guarded for; a request that names another host is refused by its exchange, with a record.
Chosen choose_plain(Connection& connection) {
  const provider::Service* service =
      connection.services.catalogue->find(connection.grant.host, connection.grant.original.port);
  if (service == nullptr || service->tls) return {Course::refuse, "plain_to_tls_endpoint"};
  connection.service = service;
  connection.host = service->host;
  return {Course::intercept, {}};
}

// On an address that serves others too, or that only somebody's word made an LLM's: who lied about it must not cut others off.
// `intercept` would need an authority for any name, which the host's constrained one is not: it is refused.
Chosen choose_shared(const Connection& connection) {
  const bool splice = policy::defaults(*connection.services.policy).on_shared_front == policy::Defaults::Front::splice;
  return {splice ? Course::splice : Course::refuse, connection.grant.told ? "shared_front" : "learned_address"};
}

// A name that is no LLM's, on an address that is: spliced only where the address is known to serve others too. An endpoint of
// its own that answers to any name would otherwise be a way around.
Chosen choose_foreign(const Connection& connection, const intercept::Opening& opening) {
  const policy::Defaults& words = policy::defaults(*connection.services.policy);
  if (opening.hello.encrypted_hello && words.on_ech == policy::Defaults::Ech::refuse)
    return {Course::refuse, "encrypted_hello"};
  const provider::Service* guarded =
      connection.services.catalogue->find(connection.grant.host, connection.grant.original.port);
  if (connection.grant.told && guarded != nullptr && !guarded->shared_front) return {Course::refuse, "foreign_name"};
  return choose_shared(connection);
}

// Decides by name, never by address alone: provider fronts share addresses with sites that are none of our business.
Chosen choose(Connection& connection, const intercept::Opening& opening) {
  if (opening.layer == intercept::Layer::other)
    return connection.grant.told ? Chosen{Course::refuse, "not_tls_or_http"} : choose_shared(connection);
  if (opening.layer == intercept::Layer::http) return choose_plain(connection);
  connection.host = opening.hello.server_name;
  if (connection.host.empty()) return {Course::refuse, "no_server_name"};
  connection.service = connection.services.catalogue->find(connection.host, connection.grant.original.port);
  // An LLM's name at a port of the client's choosing is an LLM's name.
  if (connection.service == nullptr) connection.service = connection.services.catalogue->find(connection.host, kHttpsPort);
  if (connection.service == nullptr) return choose_foreign(connection, opening);
  return connection.service->tls ? Chosen{Course::intercept, {}} : Chosen{Course::refuse, "tls_to_plain_endpoint"};
}

asio::awaitable<void> splice_through(Connection& connection, std::string_view seen) {
  Services& services = connection.services;
  services.tally.count("connections_total|spliced");
  tcp::socket socket(connection.client.stream.socket().get_executor());
  if (!co_await dial_original(connection, socket)) co_return;
  tcp::socket client = std::move(connection.client.stream.socket());
  forward::Ahead ahead;
  ahead.passed = seen;
  co_await forward::splice(std::move(client), std::move(socket), services.pipes, std::move(ahead));
}

// TLS towards the application. False: it did not come about, and that has been recorded.
asio::awaitable<bool> accept_tls(Connection& connection, const intercept::Opening& opening) {
  Services& services = connection.services;
  const int64_t begun_ns = monotonic_ns();
  if (!services.client_tls.has_leaf(connection.host) && !co_await services.supervisor.leaf(connection.host)) {
    services.supervisor.flow_record(connection.grant.flow,
                                    flow_draft(connection.grant, connection.host, "refused", "authority_refused"));
    co_return false;
  }
  const std::string version = co_await choose_version(connection, opening.hello);
  const tls::Deadline deadline(connection.client.stream.socket().get_executor(), kHandshakeTimeout,
                               [&connection] { connection.client.stream.close(); });
  const auto accepted =
      co_await connection.client.stream.accept_tls(services.client_tls, opening.seen, connection.host, version);
  services.tally.time(Stage::handshake, (monotonic_ns() - begun_ns) / 1000);
  if (accepted) {
    services.tally.count("tls_handshakes_total|client|ok");
    co_return true;
  }
  const bool untrusting = accepted.error().code == tls::StreamError::untrusted;
  services.tally.count(untrusting ? "tls_handshakes_total|client|untrusted" : "tls_handshakes_total|client|failed");
  if (untrusting) services.tally.count("untrusting_clients_total");
  services.supervisor.flow_record(connection.grant.flow,
                                  flow_draft(connection.grant, connection.host, "refused",
                                             untrusting ? "untrusting_client" : "handshake_failed"));
  log::debug("client leg of pid {}: {}", connection.grant.identity.pid, accepted.error().detail);
  co_return false;
}

// Exchange after exchange.
asio::awaitable<void> run(Connection& connection, intercept::Opening& opening) {
  Services& services = connection.services;
  services.tally.count("connections_total|proxied");
  if (opening.layer == intercept::Layer::tls) {
    if (!co_await accept_tls(connection, opening)) co_return;
  } else {
    connection.client.ahead = std::move(opening.seen);
  }
  identity_facts(connection.grant.identity, connection.facts);
  if (connection.client.stream.is_tls() ? connection.client.stream.alpn() == kHttp2 : begins_http2(connection.client.ahead))
    co_await serve_http2(connection);
  else
    co_await serve_http1(connection);
}

asio::awaitable<void> serve_unknown(Connection& connection) {
  intercept::Opening opening;
  const bool llm = co_await look_or_pass(connection, opening);
  if (llm) co_await run(connection, opening);
}

// At an address that is an LLM's, or is said to be.
asio::awaitable<void> serve_flow(Connection& connection) {
  Services& services = connection.services;
  auto opening = co_await intercept::read_opening(connection.client.stream.socket(), kOpeningTimeoutMs);
  if (!opening) {
    const bool closed = opening.error().code == intercept::OpeningError::closed;
    const std::string_view why = closed ? "closed_before_hello"
                                 : opening.error().code == intercept::OpeningError::timeout ? "silent"
                                                                                            : "malformed_hello";
    services.tally.count(closed ? "connections_total|closed_early" : "connections_total|refused");
    services.supervisor.flow_record(connection.grant.flow, flow_draft(connection.grant, {}, "refused", why));
    co_return;
  }
  const Chosen chosen = choose(connection, *opening);
  if (chosen.course == Course::splice) {
    const RecordResult recorded = co_await services.supervisor.record(
        connection.grant.flow, flow_draft(connection.grant, connection.host, "spliced", chosen.reason));
    if (recorded == RecordResult::durable) co_await splice_through(connection, opening->seen);
    co_return;
  }
  if (chosen.course == Course::refuse) {
    services.tally.count("connections_total|refused");
    services.supervisor.flow_record(connection.grant.flow,
                                    flow_draft(connection.grant, connection.host, "refused", chosen.reason));
    co_return;
  }
  co_await run(connection, *opening);
}

}  // namespace

asio::awaitable<void> serve(Services& services, tcp::socket socket) {
  boost::system::error_code error;
  const Endpoint peer = endpoint_of(socket.remote_endpoint(error));
  const Endpoint local = endpoint_of(socket.local_endpoint(error));
  if (error) co_return;
  auto grant = co_await services.supervisor.flow(peer, local);
  if (!grant) {
    // Somebody connected to our port without having been redirected: no destination, no identity, no service.
    services.tally.count("connections_total|unredirected");
    co_return;
  }
  Connection connection{.services = services,
                        .grant = std::move(*grant),
                        .client = {tls::Stream(std::move(socket)), {}},
                        .service = nullptr,
                        .host = {},
                        .provider = {},
                        .provider_key = {},
                        .unreached = {},
                        .facts = {},
                        .segments = {},
                        .row_of = {}};
  if (connection.grant.unknown)
    co_await serve_unknown(connection);
  else
    co_await serve_flow(connection);
  services.supervisor.flow_end(connection.grant.flow);
}

}  // namespace warden::pipeline
