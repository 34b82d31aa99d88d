// SPDX-License-Identifier: Apache-2.0
// Destinations: keeps the kernel half told of the addresses behind the names we guard, by asking the host's resolver at start and
// from time to time. The kernel learns from DNS answers by itself; this covers /etc/hosts and resolvers it cannot see.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/base/address.h"

namespace warden::app {

class Destinations {
 public:
  using HostPort = std::pair<std::string, uint16_t>;
  using Learned = std::function<void(const Endpoint&, const std::string& host)>;

  // `learned` runs in the io_context. Names are resolved by a few threads of their own: getaddrinfo blocks.
  Destinations(boost::asio::io_context& io, std::vector<HostPort> names, Learned learned);
  ~Destinations();
  Destinations(const Destinations&) = delete;
  Destinations& operator=(const Destinations&) = delete;

  // Resolves everything once, waiting at most `patience`; what takes longer arrives by `learned` later.
  void resolve_now(std::chrono::milliseconds patience);
  void resolve_in_background();

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace warden::app
