// SPDX-License-Identifier: Apache-2.0
#include "agent/app/identifier.h"

#include <utility>

namespace warden::app {
namespace {

constexpr auto kDigestPatience = std::chrono::seconds(10);  // reading a gigabyte takes about two
constexpr size_t kWaitingMax = 16'384;

}  // namespace

void Identifier::identify(uint64_t worker, const kernel::Flow& flow, Identified done) {
  auto resolved = resolver_.resolve_now(flow);
  const bool complete = resolved.digests_done() && !resolved.pod_awaited;
  if (complete || waiting_.size() >= kWaitingMax) return done(std::move(resolved.identity));
  const auto now = std::chrono::steady_clock::now();
  waiting_.push_back({worker, now + kDigestPatience, now + pod_patience_, std::move(resolved), std::move(done)});
}

void Identifier::catch_up() {
  resolver_.collect_hashes();
  const auto now = std::chrono::steady_clock::now();
  std::list<Waiting> finished;
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    const auto next = std::next(at);
    resolver_.ask_again(at->resolved);
    const bool digests = at->resolved.digests_done() || now >= at->digest_until;
    if (digests && (!at->resolved.pod_awaited || now >= at->pod_until)) finished.splice(finished.end(), waiting_, at);
    at = next;
  }
  finish(std::move(finished));
}

void Identifier::wait_no_longer() {
  resolver_.collect_hashes();
  finish(std::exchange(waiting_, {}));
}

void Identifier::forget(uint64_t worker) {
  waiting_.remove_if([worker](const Waiting& one) { return one.worker == worker; });
}

void Identifier::finish(std::list<Waiting> finished) {
  for (Waiting& one : finished) {
    one.resolved.take_digests();  // "hash_pending" when it took too long
    one.done(std::move(one.resolved.identity));
  }
}

}  // namespace warden::app
