// SPDX-License-Identifier: Apache-2.0
#include "agent/app/signals.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "agent/base/log.h"

namespace warden::app {
namespace {

constexpr std::array kHeld = {SIGTERM, SIGINT, SIGHUP, SIGUSR2};

void hold(int how) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : kHeld) ::sigaddset(&set, signal);
  ::sigprocmask(how, &set, nullptr);
}

}  // namespace

void Signals::watch() {
  for (const int signal : kHeld) set_.add(signal);
  set_.add(SIGCHLD);
  hold(SIG_UNBLOCK);
  reap();  // who ended while nobody watched
  wait();
}

void Signals::leave_to_next() {
  hold(SIG_BLOCK);
  left_ = true;
}

void Signals::wait() {
  set_.async_wait([this](boost::system::error_code error, int signal) {
    if (error) return;
    // It came before they were held: once more, to wait with the others.
    if (left_ && signal != SIGCHLD) ::kill(::getpid(), signal);
    if (!left_) handle(signal);
    wait();
  });
}

void Signals::handle(int signal) {
  if (signal == SIGHUP) handlers_.reload();
  if (signal == SIGUSR2) handlers_.upgrade();
  if (signal == SIGTERM || signal == SIGINT) handlers_.stop();
  if (signal == SIGCHLD) reap();
}

void Signals::reap() {
  int status = 0;
  for (pid_t child = ::waitpid(-1, &status, WNOHANG); child > 0; child = ::waitpid(-1, &status, WNOHANG)) {
    log::debug("child {} ended with status {}", child, status);
    handlers_.ended(child, status);
  }
}

}  // namespace warden::app
