// SPDX-License-Identifier: Apache-2.0
#include "agent/pipeline/provider_leg.h"

#include "tlsproxy/forward/connector.h"

namespace warden::pipeline {
namespace {

constexpr int kDialTimeoutMs = 30'000;

std::string pool_key(const Connection& connection, std::string_view credential_fingerprint) {
  std::string key = connection.host;
  key += '|';
  key += connection.grant.original.to_string();
  key += '|';
  key += std::to_string(connection.grant.identity.uid);
  key += '|';
  key += credential_fingerprint;
  return key;
}

}  // namespace

tls::Async<void> reach_provider(Connection& connection, std::string_view credential_fingerprint) {
  std::string key = pool_key(connection, credential_fingerprint);
  if (connection.provider) {
    if (connection.provider_key == key && forward::is_quiet(*connection.provider)) co_return Result<void, tls::StreamError>{};
    release_provider(connection);
  }
  connection.provider_key = std::move(key);
  connection.provider = connection.services.pool.take(connection.provider_key);
  if (connection.provider) co_return Result<void, tls::StreamError>{};

  Tally& tally = connection.services.tally;
  auto executor = connection.client.stream.socket().get_executor();
  auto socket = co_await forward::dial(executor, connection.grant.original, kDialTimeoutMs);
  if (!socket) co_return std::unexpected(std::move(socket.error()));
  tls::Stream stream(std::move(*socket));
  if (connection.service->tls) {
    // The provider leg speaks HTTP/1.1 because the client leg does; what the client did not offer is not offered on.
    static const std::vector<std::string> kAlpn = {"http/1.1"};
    static const std::vector<std::string> kNone;
    const bool offered = !connection.client.stream.alpn().empty();
    const auto secured =
        co_await stream.connect_tls(connection.services.provider_tls, connection.host, offered ? kAlpn : kNone);
    tally.count(secured ? "tls_handshakes_total|provider|ok" : "tls_handshakes_total|provider|failed");
    if (!secured) co_return std::unexpected(secured.error());
  }
  connection.provider = std::move(stream);
  co_return Result<void, tls::StreamError>{};
}

void keep_or_drop_provider(Connection& connection, bool reusable) {
  if (!reusable) connection.provider.reset();
}

void release_provider(Connection& connection) {
  if (connection.provider) connection.services.pool.put(connection.provider_key, std::move(*connection.provider));
  connection.provider.reset();
}

}  // namespace warden::pipeline
