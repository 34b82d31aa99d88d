// SPDX-License-Identifier: Apache-2.0
#include "agent/app/tampering.h"

#include <fcntl.h>

#include "agent/attribution/socket_owner.h"
#include "agent/base/log.h"

namespace warden::app {

Tampering::Tampering(boost::asio::io_context& io, kernel::Guard& guard, const Residents& residents, const std::string& bpffs_dir, Metrics& metrics,
                     std::function<void()> drain, Found found)
    : guard_(guard),
      residents_(residents),
      metrics_(metrics),
      drain_(std::move(drain)),
      found_(std::move(found)),
      watch_(kernel::PinWatch::open(bpffs_dir)),
      readable_(io) {
  if (!watch_) {
    log::info("the kernel does not tell who removes pins; that they are removed is noticed all the same");
    return;
  }
  readable_.assign(::fcntl(watch_->fd(), F_DUPFD_CLOEXEC, 0));
  wait();
}

void Tampering::wait() {
  readable_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code error) {
    if (error) return;
    take();
    check();
    wait();
  });
}

// At once: who removes a file is a process that ends right after.
void Tampering::take() {
  for (const pid_t pid : watch_->take()) {
    auto facts = attribution::facts_of(pid);
    if (!facts) {
      drain_();
      facts = residents_.recall(pid);
    }
    if (!facts) {
      facts.emplace();
      facts->tgid = pid;
    }
    by_ = std::move(facts);
  }
}

void Tampering::check() {
  const kernel::Repair repair = guard_.repair();
  if (!repair.any()) return;
  if (watch_) {
    take();
    watch_->mark();
  }
  if (repair.pins > 0) {
    log::error("{} pins of the guard were removed; they are there again", repair.pins);
    tell("pins_removed", by_.value_or(kernel::ProcessFacts{}));
  }
  if (repair.programs > 0) {
    log::error("{} programs of the guard were detached; they are attached again", repair.programs);
    tell("programs_detached", {});
  }
  if (!repair.lost.empty()) {
    log::error("programs of the guard were detached and cannot be attached again: {}", repair.lost);
    tell("guard_lost", {});
  }
  if (repair.released) {
    log::error("the guard was taken from this agent: another has it, or `down` was forced");
    tell("guard_released", by_.value_or(kernel::ProcessFacts{}));
  }
  by_.reset();
}

void Tampering::tell(const char* what, const kernel::ProcessFacts& by) {
  metrics_.count(std::string("tampering_total|") + what);
  kernel::Event event{};
  event.kind = kernel::EventKind::passed;
  event.reason = what;
  event.flow.process = by;
  found_(event);
}

}  // namespace warden::app
