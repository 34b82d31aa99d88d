// SPDX-License-Identifier: Apache-2.0
#include "agent/app/guard_destinations.h"

#include <string>

#include "agent/base/log.h"

namespace warden::app {

Result<std::unique_ptr<Destinations>, kernel::GuardError> guard_destinations(
    boost::asio::io_context& io, const provider::Catalogue& catalogue, const std::vector<EndpointConfig>& configured,
    kernel::Guard& guard, Strays& strays) {
  std::vector<Destinations::HostPort> all, exact;
  for (const provider::Service& service : catalogue.services()) {
    all.emplace_back(service.host, service.port);
    if (!service.host.starts_with("*.")) exact.emplace_back(service.host, service.port);
  }
  if (auto set = guard.set_names(all); !set) return std::unexpected(set.error());
  for (const EndpointConfig& e : configured)
    for (Endpoint address : e.addresses) {
      address.port = e.port;
      strays.settle(address, e.host);
      if (auto added = guard.add_destination(address, e.host); !added) return std::unexpected(added.error());
    }
  return std::make_unique<Destinations>(io, exact, [&guard, &strays](const Endpoint& endpoint, const std::string& host) {
    strays.settle(endpoint, host);
    if (auto added = guard.add_destination(endpoint, host, kernel::Guard::Lifetime::ageing); !added)
      log::error("{} ({}) is not guarded: {}", host, endpoint.to_string(), added.error().detail);
  });
}

}  // namespace warden::app
