// SPDX-License-Identifier: Apache-2.0
#include "agent/pipeline/hangup_watch.h"

#include <poll.h>

#include <boost/asio/steady_timer.hpp>
#include <chrono>

namespace warden::pipeline {
namespace {

constexpr auto kLookAgain = std::chrono::milliseconds(200);

}  // namespace

struct HangupWatch::Shared {
  Shared(tls::Stream::Socket& s, std::function<void()> act)
      : socket(s), on_hangup(std::move(act)), pause(s.get_executor()) {}
  tls::Stream::Socket& socket;  // only touched while live
  std::function<void()> on_hangup;
  boost::asio::steady_timer pause;
  bool live = true;
};

HangupWatch::HangupWatch(tls::Stream::Socket& socket, std::function<void()> on_hangup)
    : shared_(std::make_shared<Shared>(socket, std::move(on_hangup))) {
  wait(shared_);
}

HangupWatch::~HangupWatch() {
  if (!shared_->live) return;
  shared_->live = false;
  boost::system::error_code ignored;
  shared_->socket.cancel(ignored);
  shared_->pause.cancel();
}

void HangupWatch::wait(const std::shared_ptr<Shared>& shared) {
  shared->socket.async_wait(tls::Stream::Socket::wait_read, [shared](boost::system::error_code error) {
    if (!error) look(shared);
  });
}

void HangupWatch::look(const std::shared_ptr<Shared>& shared) {
  if (!shared->live) return;
  pollfd state{shared->socket.native_handle(), POLLIN | POLLRDHUP, 0};
  ::poll(&state, 1, 0);
  if ((state.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0) {
    shared->live = false;
    return shared->on_hangup();
  }
  if ((state.revents & POLLIN) == 0) return wait(shared);
  shared->pause.expires_after(kLookAgain);
  shared->pause.async_wait([shared](boost::system::error_code error) {
    if (!error) look(shared);
  });
}

}  // namespace warden::pipeline
