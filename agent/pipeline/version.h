// SPDX-License-Identifier: Apache-2.0
// Which HTTP version a connection speaks: the one that the provider chooses of what the application offers. Where HTTP/2 is
// offered the provider is asked before the application is answered, and its leg is kept for the first request. That a provider
// chose HTTP/1.1 is remembered for a while, so that its next connections come from the pool.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>
#include <string_view>

#include "agent/pipeline/connection.h"
#include "tlsproxy/tls/client_hello.h"

namespace warden::pipeline {

inline constexpr std::string_view kHttp1 = "http/1.1", kHttp2 = "h2";

// What to choose in the application's handshake; empty: nothing. Where the provider cannot be reached it is HTTP/1.1 if that is
// offered, and connection.unreached says why.
boost::asio::awaitable<std::string> choose_version(Connection& connection, const tls::ClientHello& hello);
// For plain HTTP/2 (by prior knowledge, RFC 9113 section 3.3).
boost::asio::awaitable<void> open_plain_http2(Connection& connection);
bool begins_http2(std::string_view bytes);

}  // namespace warden::pipeline
