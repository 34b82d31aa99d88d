// SPDX-License-Identifier: Apache-2.0
// The provider leg of a connection: the pooled one it already holds, one of the worker's pool, or a new one to the address the
// application had chosen, verified for the service's name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/pipeline/connection.h"
#include "tlsproxy/forward/connector.h"

namespace warden::pipeline {

// Connects `socket` to the address the application had chosen, from the network namespace that it lives in. Whoever closes
// `socket` meanwhile ends it.
tls::Async<void> dial_original(Connection& connection, tls::Stream::Socket& socket, forward::DialFrom from = {});
// A new leg, with TLS where the service has it, offering `alpn`. Given up (`cancelled`) when the application leaves meanwhile.
tls::Async<tls::Stream> open_leg(Connection& connection, std::vector<std::string> alpn);
// Given up when the application leaves meanwhile: then, and only then, the error is `cancelled`.
tls::Async<void> reach_provider(Connection& connection, std::string_view credential_fingerprint);
void keep_or_drop_provider(Connection& connection, bool reusable);
// The client's connection is over: its provider leg goes to the pool.
void release_provider(Connection& connection);

}  // namespace warden::pipeline
