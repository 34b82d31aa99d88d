// SPDX-License-Identifier: Apache-2.0
#include "agent/app/destinations.h"

#include <netdb.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace warden::app {
namespace {

constexpr size_t kThreads = 32;  // they wait for the resolver, not for a processor

std::vector<Endpoint> lookup(const std::string& host, uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &list) != 0) return {};
  std::vector<Endpoint> endpoints;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    auto endpoint = Endpoint::from(entry->ai_addr);
    if (!endpoint) continue;
    endpoint->port = port;
    endpoints.push_back(*endpoint);
  }
  ::freeaddrinfo(list);
  return endpoints;
}

}  // namespace

struct Destinations::Shared : std::enable_shared_from_this<Destinations::Shared> {
  Shared(boost::asio::io_context& context, std::vector<HostPort> given, Learned callback)
      : io(context), names(std::move(given)), learned(std::move(callback)) {}

  boost::asio::io_context& io;
  const std::vector<HostPort> names;
  const Learned learned;
  std::mutex mutex;
  std::condition_variable finished;
  size_t running = 0;
  std::atomic<size_t> next = 0;
  std::atomic<bool> closed = false;

  // Threads are detached: one may sit in getaddrinfo for many seconds, and nobody should have to wait for it at the end.
  void start() {
    const std::lock_guard lock(mutex);
    if (running > 0) return;
    next = 0;
    running = std::min(kThreads, names.size());
    for (size_t i = 0; i < running; ++i) std::thread([self = shared_from_this()] { self->work(); }).detach();
  }

  void work() {
    for (size_t i = next++; i < names.size() && !closed; i = next++) {
      const auto& [host, port] = names[i];
      std::vector<Endpoint> endpoints = lookup(host, port);
      if (closed || endpoints.empty()) continue;
      boost::asio::post(io, [self = shared_from_this(), endpoints = std::move(endpoints), name = host] {
        if (self->closed) return;
        for (const Endpoint& endpoint : endpoints) self->learned(endpoint, name);
      });
    }
    const std::lock_guard lock(mutex);
    if (--running == 0) finished.notify_all();
  }
};

Destinations::Destinations(boost::asio::io_context& io, std::vector<HostPort> names, Learned learned)
    : shared_(std::make_shared<Shared>(io, std::move(names), std::move(learned))) {}

Destinations::~Destinations() { shared_->closed = true; }

void Destinations::resolve_in_background() { shared_->start(); }

void Destinations::resolve_now(std::chrono::milliseconds patience) {
  shared_->start();
  std::unique_lock lock(shared_->mutex);
  shared_->finished.wait_for(lock, patience, [this] { return shared_->running == 0; });
}

}  // namespace warden::app
