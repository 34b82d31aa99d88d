// SPDX-License-Identifier: Apache-2.0
#include "agent/app/succession.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "agent/base/digest.h"
#include "audit/record/schema.h"

namespace warden::app {
namespace {

constexpr auto kPatience = std::chrono::seconds(2);
constexpr auto kPause = std::chrono::milliseconds(2);

// A draft names its fields by their place in the schema.
std::string contract() {
  std::string names;
  for (const audit::FieldRow& row : audit::schema()) names += std::string(row.path) + '\n';
  return std::to_string(kProtocol) + ' ' + hex(view(sha256(names)));
}

void keep_over_exec(int fd) { ::fcntl(fd, F_SETFD, 0); }

}  // namespace

Result<Fd, HandoverError> prepare_succession(boost::asio::io_context& io, Desk& desk, Recorder& recorder, Workers& workers,
                                             Namespaces& namespaces) {
  workers.pause();
  desk.wait_no_longer();
  recorder.close();
  const auto until = std::chrono::steady_clock::now() + kPatience;
  for (io.poll(); !workers.all_sent() && std::chrono::steady_clock::now() < until; io.poll()) std::this_thread::sleep_for(kPause);
  Handover handover;
  handover.contract = contract();
  workers.hand_over(handover);
  desk.hand_over(handover);
  namespaces.hand_over(handover);
  auto file = store(handover);
  if (!file) return file;
  ::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  keep_over_exec(file->get());
  for (const HeldWorker& held : handover.workers) keep_over_exec(held.link), keep_over_exec(held.passage);
  for (const HeldNamespace& held : handover.namespaces)
    for (const int fd : {held.netns, held.hold_v4, held.hold_v6}) keep_over_exec(fd);
  return file;
}

Result<Handover, HandoverError> Inheritance::read() {
  auto handover = load(file_.get(), contract());
  file_.reset();
  if (!handover) return handover;
  for (Fd& fd : descriptors_) static_cast<void>(fd.release());
  descriptors_.clear();
  return handover;
}

std::unordered_set<std::string> in_flight(const Handover& handover) {
  std::unordered_set<std::string> open;
  for (const HeldFlow& flow : handover.flows) open.insert(flow.exchanges.begin(), flow.exchanges.end());
  return open;
}

}  // namespace warden::app
