// SPDX-License-Identifier: Apache-2.0
// Succession: the last acts of a supervisor that becomes another program, and what the new one finds. Between the two nothing is
// lost: what was asked is answered, what was to be recorded is committed, what was read and not handled is passed on.
#pragma once

#include <boost/asio/io_context.hpp>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "agent/app/desk.h"
#include "agent/app/handover.h"
#include "agent/app/namespaces.h"
#include "agent/app/recorder.h"
#include "agent/app/workers.h"

namespace warden::app {

// Ends the recorder and takes the workers' links and the namespaces. Whatever else feeds `io` must be silent. The result, and the descriptors that
// it speaks of, are all that survives execve.
Result<Fd, HandoverError> prepare_succession(boost::asio::io_context& io, Desk& desk, Recorder& recorder, Workers& workers,
                                             Namespaces& namespaces);

class Inheritance {
 public:
  // `file`: as prepare_succession() made it. To be called before this process opens anything.
  explicit Inheritance(int file) : file_(file), descriptors_(inherited_descriptors(file)) {}
  // The descriptors of what was read are its reader's.
  Result<Handover, HandoverError> read();
  // Closes what nobody read: its workers end.
  void drop() { descriptors_.clear(); }

 private:
  Fd file_;
  std::vector<Fd> descriptors_;
};

// The exchanges that have no outcome yet and may still have one.
std::unordered_set<std::string> in_flight(const Handover& handover);

}  // namespace warden::app
