// SPDX-License-Identifier: Apache-2.0
#include "agent/app/acceptors.h"

#include <sys/socket.h>

#include <boost/asio/steady_timer.hpp>
#include <chrono>

namespace warden::app {
namespace asio = boost::asio;

namespace {

constexpr auto kPause = std::chrono::milliseconds(50);  // lets running exchanges end

Acceptors::Tcp family_of(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  return address.ss_family == AF_INET6 ? Acceptors::Tcp::v6() : Acceptors::Tcp::v4();
}

}  // namespace

void Acceptors::listen(uint64_t number, Fd listener) {
  auto acceptor = std::make_shared<Tcp::acceptor>(io_);
  boost::system::error_code error;
  acceptor->assign(family_of(listener.get()), listener.get(), error);
  if (error) return failed_();
  static_cast<void>(listener.release());
  acceptor->non_blocking(true, error);
  open_[number].push_back(acceptor);
  accept(acceptor);
}

void Acceptors::accept(const Shared& acceptor) {
  acceptor->async_accept([this, acceptor](boost::system::error_code error, Tcp::socket socket) {
    if (error == asio::error::operation_aborted || !acceptor->is_open()) return;
    if (error) {
      failed_();
      auto pause = std::make_shared<asio::steady_timer>(io_, kPause);
      pause->async_wait([this, acceptor, pause](boost::system::error_code) {
        if (acceptor->is_open()) accept(acceptor);
      });
      return;
    }
    boost::system::error_code ignored;
    socket.non_blocking(true, ignored);
    socket.set_option(Tcp::no_delay(true), ignored);
    accepted_(std::move(socket));
    accept(acceptor);
  });
}

void Acceptors::close(uint64_t number) {
  const auto node = open_.extract(number);
  if (!node) return;
  boost::system::error_code ignored;
  for (const Shared& acceptor : node.mapped()) acceptor->close(ignored);
}

void Acceptors::close_all() {
  boost::system::error_code ignored;
  for (const auto& [number, acceptors] : open_)
    for (const Shared& acceptor : acceptors) acceptor->close(ignored);
  open_.clear();
}

}  // namespace warden::app
