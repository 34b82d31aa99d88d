// SPDX-License-Identifier: Apache-2.0
// What the guard is told to watch for at start: the names of the known services, the addresses that are configured, and those
// that the names resolve to from then on.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <vector>

#include "agent/app/config.h"
#include "agent/app/destinations.h"
#include "agent/app/strays.h"
#include "agent/base/result.h"
#include "agent/kernel/guard.h"
#include "tlsproxy/provider/catalogue.h"

namespace warden::app {

// Nothing is resolved yet. `guard` and `strays` outlive the result.
Result<std::unique_ptr<Destinations>, kernel::GuardError> guard_destinations(
    boost::asio::io_context& io, const provider::Catalogue& catalogue, const std::vector<EndpointConfig>& configured,
    kernel::Guard& guard, Strays& strays);

}  // namespace warden::app
