// SPDX-License-Identifier: Apache-2.0
// Passing: connections that strict mode brought here though nobody knows where they lead. Looked at until it is clear that no LLM
// is meant, then carried to where they wanted to go, undecrypted.
//
// What the application can tell: its connect() has succeeded before ours is tried, so that a destination which refuses or does not
// answer shows as a reset; and its keepalive and its other socket options end at us. A server that speaks first is heard as soon
// as it speaks, after a wait of kQuiet at most.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>

#include "agent/pipeline/connection.h"
#include "tlsproxy/intercept/opening.h"

namespace warden::pipeline {

inline constexpr auto kQuiet = std::chrono::milliseconds(250);

// True: the connection is for an LLM and to be intercepted; its service, host and identity and `opening` are filled. False: it is
// over, and what there is to be said of it has been said.
boost::asio::awaitable<bool> look_or_pass(Connection& connection, intercept::Opening& opening);

}  // namespace warden::pipeline
