// SPDX-License-Identifier: Apache-2.0
// Acceptors: the listeners of a worker, by the number of the network namespace they stand in (0: the host's). One thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "agent/base/fd.h"

namespace warden::app {

class Acceptors {
 public:
  using Tcp = boost::asio::ip::tcp;
  // `accepted` gets each connection, not blocking and without Nagle's delay; `failed` hears of each accept that failed (out of
  // descriptors or memory), after which there is a pause.
  Acceptors(boost::asio::io_context& io, std::function<void(Tcp::socket)> accepted, std::function<void()> failed)
      : io_(io), accepted_(std::move(accepted)), failed_(std::move(failed)) {}

  void listen(uint64_t number, Fd listener);
  void close(uint64_t number);
  void close_all();

 private:
  using Shared = std::shared_ptr<Tcp::acceptor>;
  void accept(const Shared& acceptor);

  boost::asio::io_context& io_;
  std::function<void(Tcp::socket)> accepted_;
  std::function<void()> failed_;
  std::unordered_map<uint64_t, std::vector<Shared>> open_;
};

}  // namespace warden::app
