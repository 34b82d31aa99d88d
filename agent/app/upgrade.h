// SPDX-License-Identifier: Apache-2.0
// Upgrade: the way from the running program to the one that stands at its path now: first a trial whether that one starts and
// understands the configuration, then execve. What is handed over is the caller's.
#pragma once

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <string>

#include "agent/base/fd.h"
#include "audit/record/draft.h"

namespace warden::app {

// What started this process, before anything could replace it.
struct Program {
  std::string path, config;

  static Program self(std::string config);
};

class Upgrade {
 public:
  Upgrade(boost::asio::io_context& io, Program program) : program_(std::move(program)), patience_(io) {}

  // Runs `PATH --check --with-policy --config FILE`; then `done` is called, with the reason if there is to be no upgrade.
  void try_out(std::function<void(std::string refusal)> done);
  // A child of this process ended.
  void ended(pid_t child, int status);
  // Becomes the program at the path; should that have gone since the trial, this one again. Returns if neither can be run.
  void become(const Fd& handover) const;
  // The same where nothing is left to go on with.
  void become() const;

 private:
  void run(const char* const* argv) const;
  void finish(std::string refusal);

  Program program_;
  boost::asio::steady_timer patience_;
  std::function<void(std::string)> done_;
  pid_t child_ = -1;
  Fd said_;
};

// What the log says of an upgrade that was refused; the reason is the operator's, on standard error.
audit::Draft record_of_refused_upgrade();

}  // namespace warden::app
