// SPDX-License-Identifier: Apache-2.0
#include "agent/pipeline/version.h"

#include <algorithm>

#include "agent/pipeline/provider_leg.h"

namespace warden::pipeline {
namespace asio = boost::asio;

namespace {

constexpr std::string_view kPreface = "PRI ";  // no method of HTTP/1.1; the session reads the rest

bool offers(const std::vector<std::string>& protocols, std::string_view name) { return std::ranges::find(protocols, name) != protocols.end(); }

std::string of_older(const std::vector<std::string>& offered) {
  return offers(offered, kHttp1) || offered.empty() ? std::string(offered.empty() ? "" : kHttp1) : offered.front();
}

std::string provider_name(const Connection& connection) { return connection.host + '|' + connection.grant.original.to_string(); }

asio::awaitable<void> open_first_leg(Connection& connection, const std::vector<std::string>& alpn) {
  auto opened = co_await open_leg(connection, alpn);
  if (opened)
    connection.provider = std::move(*opened);
  else
    connection.unreached = std::move(opened.error());
}

}  // namespace

asio::awaitable<std::string> choose_version(Connection& connection, const tls::ClientHello& hello) {
  std::vector<std::string> offered;  // of what we speak, in the application's order
  std::ranges::copy_if(hello.alpn, std::back_inserter(offered), [](const std::string& name) { return name == kHttp1 || name == kHttp2; });
  OlderProviders& older = connection.services.older_providers;
  if (!offers(offered, kHttp2)) co_return of_older(offered);
  if (offers(offered, kHttp1) && older.knows(provider_name(connection))) co_return std::string(kHttp1);
  co_await open_first_leg(connection, offered);
  if (!connection.provider) co_return of_older(offered);
  std::string chosen(connection.provider->alpn());
  if (chosen != kHttp2) older.note(provider_name(connection));
  co_return chosen;
}

asio::awaitable<void> open_plain_http2(Connection& connection) { co_await open_first_leg(connection, {}); }

bool begins_http2(std::string_view bytes) { return bytes.starts_with(kPreface); }

}  // namespace warden::pipeline
