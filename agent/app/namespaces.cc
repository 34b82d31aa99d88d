// SPDX-License-Identifier: Apache-2.0
#include "agent/app/namespaces.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <unordered_set>

#include "agent/attribution/procfs.h"
#include "agent/base/file.h"
#include "agent/base/log.h"
#include "tlsproxy/intercept/listener.h"

namespace warden::app {
namespace {

constexpr int kPortTries = 16;
constexpr auto kTryAgain = std::chrono::seconds(1);
constexpr auto kKeepEmpty = std::chrono::seconds(10);  // a namespace may outlive its processes and get new ones
constexpr size_t kRemembered = 4096;
constexpr size_t kUsersWaiting = 64;  // whose namespaces wait for their turn; others' are seen again when they do something

// The inode of the network namespace a process lives in; 0 when it is gone or not to be looked at.
ino_t netns_of(pid_t pid) {
  struct stat status {};
  return ::stat(("/proc/" + std::to_string(pid) + "/ns/net").c_str(), &status) == 0 ? status.st_ino : 0;
}

bool lives_below(pid_t pid, const std::string& cgroup2_root, const std::string& folder) {
  const auto cgroups = read_file("/proc/" + std::to_string(pid) + "/cgroup", 1 << 16);
  const size_t at = cgroups ? cgroups->find("0::/") : std::string::npos;
  if (at == std::string::npos) return false;
  const std::string path = cgroup2_root + cgroups->substr(at + 3, cgroups->find('\n', at) - at - 3);
  return folder == cgroup2_root || path == folder || path.starts_with(folder + "/");
}

}  // namespace

Namespaces::Namespaces(kernel::Guard& guard, Workers& workers, Metrics& metrics)
    : guard_(guard), workers_(workers), metrics_(metrics), own_cookie_(kernel::own_netns_cookie()) {}

void Namespaces::seen(const kernel::ProcessFacts& process) {
  const uint64_t cookie = process.netns_cookie;
  if (is_own(cookie)) return;
  const auto now = Clock::now();
  if (const auto known = served_.find(cookie); known != served_.end()) {
    known->second.used = now;
    return;
  }
  if (const auto wait = not_before_.find(cookie); wait != not_before_.end() && now < wait->second) return;
  if (budget_ == 0) {
    if (pending_.size() >= kUsersWaiting && !pending_.contains(process.uid)) return;
    auto& own = pending_[process.uid];
    if (own.size() < NamespaceShare::kPerUserMax) own[cookie] = process;
    return;
  }
  --budget_;
  if (not_before_.size() >= kRemembered) not_before_.clear();
  not_before_[cookie] = now + kTryAgain;
  // A thread may have gone to a namespace of its own. Where it is gone or has moved on, whoever else lives there is seen in its
  // turn.
  for (const pid_t task : {process.tgid, process.tid})
    if (auto netns = kernel::Netns::of(task); netns && netns->cookie() == cookie) return open(std::move(*netns));
}

void Namespaces::catch_up() {
  budget_ = kPerBeat;
  for (auto at = pending_.begin(); budget_ > 0 && !pending_.empty();) {
    if (at == pending_.end()) at = pending_.begin();
    const kernel::ProcessFacts process = at->second.extract(at->second.begin()).mapped();
    at = at->second.empty() ? pending_.erase(at) : std::next(at);
    seen(process);
  }
}

void Namespaces::scan(const std::string& cgroup2_root, const std::string& guarded) {
  std::unordered_set<ino_t> known = {netns_of(::getpid())};
  for (const pid_t pid : attribution::all_pids()) {
    const ino_t inode = netns_of(pid);
    if (inode == 0 || known.contains(inode) || !lives_below(pid, cgroup2_root, guarded)) continue;
    known.insert(inode);
    if (auto netns = kernel::Netns::of(pid); netns && !served_.contains(netns->cookie())) open(std::move(*netns));
  }
  std::unordered_set<uint64_t> before;
  for (const uint64_t cookie : guard_.served_before())
    if (!is_own(cookie) && !served_.contains(cookie)) before.insert(cookie);
  reopen(std::move(before));
}

void Namespaces::reopen(std::unordered_set<uint64_t> before) {
  if (before.empty()) return;
  std::unordered_set<ino_t> looked_at = {netns_of(::getpid())};
  for (const auto& [cookie, served] : served_) looked_at.insert(served.netns.inode());
  const auto look = [&](ino_t inode, const auto& enter) {
    if (before.empty() || inode == 0 || !looked_at.insert(inode).second) return;
    if (auto netns = enter(); netns && before.erase(netns->cookie()) > 0) open(std::move(*netns));
  };
  for (const auto& [inode, path] : kernel::mounted_netns()) look(inode, [&] { return kernel::Netns::at(path); });
  for (const pid_t pid : attribution::all_pids()) look(netns_of(pid), [&] { return kernel::Netns::of(pid); });
  if (before.empty()) return;
  // Their listeners are dead, and their ports anybody's.
  for (const uint64_t cookie : before) (void)guard_.set_listener(cookie, 0);
  metrics_.count("namespaces_refused_total|not_found", before.size());
  log::warn("{} network namespaces that were served are gone or not to be found: until a guarded process is seen there, their LLM "
            "connections are refused", before.size());
}

void Namespaces::open(kernel::Netns netns) {
  const uint64_t cookie = netns.cookie();
  const uint32_t owner = netns.owner();
  if (!share_.has_room(owner)) {
    (void)guard_.set_listener(cookie, 0);  // of an earlier agent
    metrics_.count("namespaces_refused_total|full");
    return log::error("network namespace {} is not served, its LLM connections are refused: user {} has as many as one may have", cookie, owner);
  }
  Served served{std::move(netns), 0, {}, Clock::now(), ++last_number_, {}, owner};
  (void)served.netns.run([&] { served.diag = kernel::open_diag(); });
  for (int i = 0; i < kPortTries; ++i) {
    std::unordered_map<uint64_t, intercept::ListenerPair> by_worker;
    if (!listen(served, by_worker)) break;
    // Taken back below when the number serves another namespace: accept() could not tell the two apart.
    const auto set = guard_.set_listener(cookie, served.port);
    if (!set && set.error().code == kernel::GuardError::busy) continue;
    if (!set) break;
    for (auto& [worker, pair] : by_worker) {
      std::array<Fd, kParcelDescriptorsMax> both = {std::move(pair.v4), std::move(pair.v6)};
      workers_.send(worker, {ParcelKind::listener, 0, served.number}, std::move(both));
    }
    log::debug("serving network namespace {} at port {}", cookie, served.port);
    not_before_.erase(cookie);
    share_.take(owner);
    served_.emplace(cookie, std::move(served));
    return;
  }
  (void)guard_.set_listener(cookie, 0);  // of an earlier agent
  metrics_.count("namespaces_refused_total|no_listener");
  log::error("network namespace {} is not served, its LLM connections are refused: no listener on its loopback", cookie);
}

// A pair for each worker, all at one port, which is then held for as long as the namespace is served.
bool Namespaces::listen(Served& served, std::unordered_map<uint64_t, intercept::ListenerPair>& by_worker) {
  served.port = 0;
  served.hold = {};
  bool whole = true;
  const auto entered = served.netns.run([&] {
    for (const uint64_t worker : workers_.numbers()) {
      auto pair = intercept::listen_on_loopback(served.port);
      if (!pair) return void(whole = false);
      served.port = pair->port;
      if (!served.hold.holds()) whole = whole && served.hold.take(pair->port, static_cast<bool>(pair->v6));
      by_worker.emplace(worker, std::move(*pair));
    }
  });
  if (!entered) log::warn("network namespace {}: {}", served.netns.cookie(), entered.error().detail);
  return entered && whole && !by_worker.empty();
}

void Namespaces::serve(uint64_t worker) {
  for (auto& [cookie, served] : served_) {
    std::array<Fd, kParcelDescriptorsMax> both;
    const auto entered = served.netns.run([&, port = served.port] {
      if (auto pair = intercept::listen_on_loopback(port)) both = {std::move(pair->v4), std::move(pair->v6)};
    });
    if (entered && both[0])
      workers_.send(worker, {ParcelKind::listener, 0, served.number}, std::move(both));
    else
      log::warn("network namespace {}: a new worker has no listener there", cookie);
  }
}

void Namespaces::sweep() {
  if (served_.empty()) return;
  std::unordered_set<ino_t> inhabited;
  for (const pid_t pid : attribution::all_pids()) inhabited.insert(netns_of(pid));
  const auto now = Clock::now();
  for (auto at = served_.begin(); at != served_.end();) {
    Served& served = at->second;
    if (inhabited.contains(served.netns.inode())) served.used = now;
    if (now - served.used < kKeepEmpty) {
      ++at;
      continue;
    }
    log::debug("network namespace {} has no processes left", at->first);
    (void)guard_.set_listener(at->first, 0);
    workers_.broadcast(ListenerGone{served.number});
    share_.give_back(served.owner);
    at = served_.erase(at);
  }
}

void Namespaces::close() {
  for (const auto& [cookie, served] : served_) (void)guard_.set_listener(cookie, 0);
}

void Namespaces::hand_over(Handover& handover) {
  handover.last_serving = last_number_;
  for (auto& [cookie, served] : served_) {
    const auto [v4, v6] = served.hold.release();
    handover.namespaces.push_back({cookie, served.netns.release(), v4, v6});
  }
  served_.clear();
  share_ = {};
}

void Namespaces::take_over(const Handover& handover) {
  last_number_ = handover.last_serving;
  for (const HeldNamespace& held : handover.namespaces) {
    // Should the earlier workers die meanwhile, nobody else gets the port that the kernel still knows.
    const PortHold until_told(Fd(held.hold_v4), Fd(held.hold_v6));
    auto netns = kernel::Netns::of(Fd(held.netns));
    if (netns)
      open(std::move(*netns));
    else
      log::error("network namespace {} cannot be entered: {}", held.cookie, netns.error().detail);
  }
}

int Namespaces::diag(uint64_t cookie) const {
  const auto found = served_.find(cookie);
  return found == served_.end() ? -1 : found->second.diag.get();
}

Fd Namespaces::socket(uint64_t cookie, bool v6) const {
  Fd made;
  const auto found = served_.find(cookie);
  if (found == served_.end()) return made;
  const auto entered = found->second.netns.run(
      [&] { made.reset(::socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)); });
  if (!entered || !made) log::warn("network namespace {}: no socket for the provider leg", cookie);
  return made;
}

}  // namespace warden::app
