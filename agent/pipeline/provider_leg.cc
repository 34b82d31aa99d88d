// SPDX-License-Identifier: Apache-2.0
#include "agent/pipeline/provider_leg.h"

#include "agent/pipeline/hangup_watch.h"

namespace warden::pipeline {
namespace {

std::string pool_key(const Connection& connection, std::string_view credential_fingerprint) {
  std::string key = connection.host;
  key += '|';
  key += connection.grant.original.to_string();
  key += '|';
  key += std::to_string(connection.grant.netns);
  key += '|';
  key += std::to_string(connection.grant.identity.uid);
  key += '|';
  key += credential_fingerprint;
  return key;
}

tls::Async<void> secure(Connection& connection, tls::Stream& leg, const std::vector<std::string>& alpn) {
  auto secured = co_await leg.connect_tls(connection.services.provider_tls, connection.host, alpn);
  connection.services.tally.count(secured ? "tls_handshakes_total|provider|ok" : "tls_handshakes_total|provider|failed");
  co_return secured;
}

}  // namespace

tls::Async<tls::Stream> open_leg(Connection& connection, std::vector<std::string> alpn) {
  tls::Stream::Socket& application = connection.client.stream.socket();
  tls::Stream::Socket socket(application.get_executor());
  std::optional<tls::Stream> leg;
  bool left = false;
  const HangupWatch watch(application, [&] {
    left = true;
    if (leg) return leg->close();
    boost::system::error_code ignored;
    socket.close(ignored);
  });
  auto reached = co_await dial_original(connection, socket);
  if (reached) {
    leg.emplace(std::move(socket));
    if (connection.service->tls) reached = co_await secure(connection, *leg, alpn);
  }
  if (left) co_return fail(tls::StreamError::cancelled, "the application left");
  if (!reached) co_return std::unexpected(std::move(reached.error()));
  co_return std::move(*leg);
}

tls::Async<void> dial_original(Connection& connection, tls::Stream::Socket& socket, forward::DialFrom from) {
  const Endpoint& original = connection.grant.original;
  if (connection.grant.netns != 0) {
    Fd fd = co_await connection.services.supervisor.socket(connection.grant.flow, !original.is_v4());
    boost::system::error_code error;
    if (fd) socket.assign(original.is_v4() ? boost::asio::ip::tcp::v4() : boost::asio::ip::tcp::v6(), fd.get(), error);
    if (!fd || error) co_return fail(tls::StreamError::closed, "no socket in the application's network namespace");
    static_cast<void>(fd.release());
  }
  co_return co_await forward::dial(socket, original, from);
}

tls::Async<void> reach_provider(Connection& connection, std::string_view credential_fingerprint) {
  std::string key = pool_key(connection, credential_fingerprint);
  if (connection.provider) {
    if (connection.provider_key.empty()) connection.provider_key = key;
    if (connection.provider_key == key && forward::is_quiet(*connection.provider)) co_return Result<void, tls::StreamError>{};
    release_provider(connection);
  }
  connection.provider_key = std::move(key);
  connection.provider = connection.services.pool.take(connection.provider_key);
  if (connection.provider) co_return Result<void, tls::StreamError>{};

  // The leg speaks HTTP/1.1 because the client leg does; what the client did not offer is not offered on.
  std::vector<std::string> alpn;
  if (!connection.client.stream.alpn().empty()) alpn.emplace_back(connection.client.stream.alpn());
  auto opened = co_await open_leg(connection, std::move(alpn));
  if (!opened) co_return std::unexpected(std::move(opened.error()));
  connection.provider = std::move(*opened);
  co_return Result<void, tls::StreamError>{};
}

void keep_or_drop_provider(Connection& connection, bool reusable) {
  if (!reusable) connection.provider.reset();
}

void release_provider(Connection& connection) {
  if (connection.provider && !connection.provider_key.empty()) connection.services.pool.put(connection.provider_key, std::move(*connection.provider));
  connection.provider.reset();
}

}  // namespace warden::pipeline
