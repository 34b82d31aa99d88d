// SPDX-License-Identifier: Apache-2.0
#include "agent/app/workers.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>

#include "agent/app/spool_files.h"
#include "agent/base/clock.h"
#include "agent/base/log.h"

namespace warden::app {
namespace {

constexpr auto kRespawnPause = std::chrono::milliseconds(200);
constexpr auto kRespawnPauseMax = std::chrono::milliseconds(5000);
constexpr auto kLivedLongEnough = std::chrono::seconds(60);
constexpr auto kRetireAfter = std::chrono::seconds(2);  // what was on its way to them has been accepted by then
constexpr size_t kPingsRemembered = 64;

}  // namespace

Result<void, SpawnError> Workers::start(Start start) {
  start_ = std::move(start);
  for (size_t i = 0; i < setup_.count; ++i)
    if (auto spawned = spawn(); !spawned) return spawned;
  return {};
}

Result<void, SpawnError> Workers::spawn() {
  auto listeners = intercept::listen_on_loopback(setup_.port);
  if (!listeners) return fail(SpawnError::no_socket, listeners.error().detail);
  setup_.port = listeners->port;
  if (!port_hold_.holds() && !port_hold_.take(setup_.port, static_cast<bool>(listeners->v6)))
    return fail(SpawnError::no_socket, "port " + std::to_string(setup_.port) + " cannot be kept: " + std::strerror(errno));
  const std::vector<Fd> files = open_spool_files(setup_.spool_dir, setup_.spool_files);
  auto spawned = spawn_worker(setup_.account, setup_.cgroup, std::move(*listeners), files);
  if (!spawned) return std::unexpected(spawned.error());
  const uint64_t number = next_worker_++;
  One& one = workers_[number];
  one.pid = spawned->pid;
  one.outbox = Outbox::open(io_, std::move(spawned->passage));
  one.started = Clock::now();
  one.link = connect(number, spawned->link.release(), {});
  one.link->send(start_);
  if (started_) started_(number);
  return {};
}

std::shared_ptr<Link> Workers::connect(uint64_t number, int fd, std::string unread) {
  return Link::open(
      io_, fd, {}, [this, number](MessageType type, std::string_view payload) { return receive(number, type, payload); },
      [this, number](const char* why) { gone(number, why); }, std::move(unread));
}

void Workers::adopt(const Handover& handover) {
  next_worker_ = handover.next_worker;
  // As long as they listen nobody else can have the port; should they end early, the kernel still sends connections there.
  if (!adopted_port_hold_.take(handover.port, true) && !adopted_port_hold_.take(handover.port, false))
    log::warn("port {} of the earlier workers cannot be kept: {}", handover.port, std::strerror(errno));
  for (const HeldWorker& held : handover.workers) {
    One& one = workers_[held.number];
    one.pid = held.pid;
    one.outbox = Outbox::open(io_, Fd(held.passage));
    one.ready = one.adopted = true;
    one.drain_until_ns = held.drain_until_ns;
    one.started = one.answered_ping = Clock::now();
    one.link = connect(held.number, held.link, held.unread);
  }
}

void Workers::retire(std::chrono::milliseconds deadline) {
  retire_timer_.expires_after(kRetireAfter);
  retire_timer_.async_wait([this, deadline](boost::system::error_code error) {
    if (!error) retire_now(deadline);
  });
}

void Workers::retire_now(std::chrono::milliseconds deadline) {
  const auto capped = static_cast<uint32_t>(std::min<int64_t>(deadline.count(), UINT32_MAX));
  for (auto& [number, one] : workers_) {
    if (!one.adopted || one.drain_until_ns != 0) continue;
    one.drain_until_ns = monotonic_ns() + int64_t{capped} * 1'000'000;
    one.link->send(Drain{capped});
  }
}

void Workers::pause() {
  draining_ = true;
  retire_timer_.cancel();
  for (auto& [number, one] : workers_) one.link->pause();
}

bool Workers::all_sent() const {
  return std::ranges::all_of(workers_, [](const auto& entry) {
    return !entry.second.link->is_open() || (entry.second.link->all_sent() && entry.second.outbox->all_sent());
  });
}

void Workers::hand_over(Handover& handover) {
  handover.next_worker = next_worker_;
  handover.port = setup_.port;
  std::vector<std::shared_ptr<Link>> links;
  for (auto& [number, one] : workers_) {
    if (!one.link->is_open() || !one.link->all_sent() || !one.outbox->all_sent()) {
      log::warn("worker {} is not handed over: it does not take what it is sent", number);
      if (one.pid > 0) ::kill(one.pid, SIGKILL);
      continue;
    }
    links.push_back(one.link);
    handover.workers.push_back({number, one.pid, one.link->release(), one.outbox->release(), {}, one.drain_until_ns});
  }
  io_.poll();  // what was read already
  for (size_t i = 0; i < links.size(); ++i) handover.workers[i].unread = links[i]->unread();
}

bool Workers::receive(uint64_t number, MessageType type, std::string_view payload) {
  const auto found = workers_.find(number);
  if (found == workers_.end()) return false;
  One& one = found->second;
  const auto with = [&]<class Message>(Message message, auto&& handle) { return unpack(payload, message) && handle(message); };
  switch (type) {
    case MessageType::ready:
      return with(Ready{}, [&](const Ready& m) { return one.ready = m.version == kProtocol; });
    case MessageType::pong:
      return with(Pong{}, [&](const Pong& m) {
        if (const auto sent = pings_.find(m.nonce); sent != pings_.end()) one.answered_ping = sent->second;
        return true;
      });
    case MessageType::flow_query:
      return with(FlowQuery{}, [&](const FlowQuery& m) {
        desk_.flow(number, m, [link = one.link](const FlowReply& reply) { link->send(reply); });
        return true;
      });
    case MessageType::identity_query:
      return with(IdentityQuery{}, [&](const IdentityQuery& m) {
        desk_.identity(number, m, [link = one.link](const IdentityReply& reply) { link->send(reply); });
        return true;
      });
    case MessageType::passed: return with(Passed{}, [&](const Passed& m) { return desk_.passed(number, m); });
    case MessageType::leaf_query:
      return with(LeafQuery{}, [&](const LeafQuery& m) { return one.link->send(desk_.leaf(m)), true; });
    case MessageType::socket_query:
      return with(SocketQuery{}, [&](const SocketQuery& m) {
        std::array<Fd, kParcelDescriptorsMax> one_socket = {desk_.socket(number, m)};
        return send(number, {ParcelKind::socket, 0, m.query}, std::move(one_socket)), true;
      });
    case MessageType::decision:
      return with(Decision{}, [&](const Decision& m) {
        return desk_.decision(number, m, [link = one.link, token = m.token](RecordFault fault) {
          link->send(Recorded{token, fault});
        });
      });
    case MessageType::outcome: return with(Outcome{}, [&](const Outcome& m) { return desk_.outcome(number, m); });
    case MessageType::flow_record: return with(FlowRecord{}, [&](const FlowRecord& m) { return desk_.flow_record(number, m); });
    case MessageType::flow_end: return with(FlowEnd{}, [&](const FlowEnd& m) { return desk_.flow_end(number, m), true; });
    case MessageType::stats: return with(Stats{}, [&](const Stats& m) { return desk_.stats(m), true; });
    default: return false;
  }
}

void Workers::gone(uint64_t number, const char* why) {
  const auto node = workers_.extract(number);
  if (!node) return;
  // It may be alive and only misbehaving; what broke the protocol once is not asked again. A pid that was not reaped is its own.
  if (node.mapped().pid > 0) ::kill(node.mapped().pid, SIGKILL);
  desk_.worker_gone(number);
  if (node.mapped().adopted) {
    log::info("worker {} of the program before this one ended", number);
    if (adopted() == 0) adopted_port_hold_ = {};
    return;
  }
  if (draining_) return;
  log::warn("worker {} ended: {}; starting another", number, why);
  ++restarts_;
  // One that dies as soon as it starts would otherwise keep a processor busy with starting it.
  const bool lived = Clock::now() - node.mapped().started > kLivedLongEnough;
  respawn_pause_ = lived ? kRespawnPause : std::min<std::chrono::milliseconds>(respawn_pause_ * 2, kRespawnPauseMax);
  spawn_later();
}

// Until it succeeds: what keeps a worker from being started (memory, processes, descriptors) may pass.
void Workers::spawn_later() {
  auto pause = std::make_shared<boost::asio::steady_timer>(io_, respawn_pause_);
  pause->async_wait([this, pause](boost::system::error_code) {
    if (draining_) return;
    auto spawned = spawn();
    if (spawned) return;
    log::error("no worker could be started, trying again: {}", spawned.error().detail);
    respawn_pause_ = std::min<std::chrono::milliseconds>(respawn_pause_ * 2, kRespawnPauseMax);
    spawn_later();
  });
}

void Workers::send(uint64_t worker, const ParcelHead& head, std::array<Fd, kParcelDescriptorsMax> descriptors) {
  const auto found = workers_.find(worker);
  if (found == workers_.end() || found->second.outbox->send(head, std::move(descriptors))) return;
  found->second.link->close("it does not take its descriptors");
}

std::vector<uint64_t> Workers::numbers() const {
  std::vector<uint64_t> all;
  for (const auto& [number, one] : workers_)
    if (!one.adopted) all.push_back(number);
  return all;
}

void Workers::ended(pid_t child) {
  for (auto& [number, one] : workers_)
    if (one.pid == child) one.pid = -1;
}

void Workers::ping() {
  const Ping ping{next_ping_++};
  pings_[ping.nonce] = Clock::now();
  if (ping.nonce > kPingsRemembered) pings_.erase(ping.nonce - kPingsRemembered);
  for (auto& [number, one] : workers_)
    if (one.ready) one.link->send(ping);
}

bool Workers::answered(const One& one, std::chrono::milliseconds within) {
  return one.ready && one.link->is_open() && one.answered_ping >= Clock::now() - within;
}

bool Workers::all_alive(std::chrono::milliseconds within) const {
  size_t alive = 0;
  for (const auto& [number, one] : workers_)
    if (!one.adopted && answered(one, within)) ++alive;
  return alive == setup_.count;
}

bool Workers::adopted_alive(std::chrono::milliseconds within) const {
  return adopted() > 0 && std::ranges::all_of(workers_, [&](const auto& entry) {
           return !entry.second.adopted || answered(entry.second, within);
         });
}

size_t Workers::ready() const {
  return static_cast<size_t>(
      std::ranges::count_if(workers_, [](const auto& entry) { return entry.second.ready && !entry.second.adopted; }));
}

size_t Workers::adopted() const {
  return static_cast<size_t>(std::ranges::count_if(workers_, [](const auto& entry) { return entry.second.adopted; }));
}

void Workers::send_policy(const Policy& policy) {
  start_.policy = policy;
  broadcast(policy);
}

void Workers::drain(uint32_t deadline_ms) {
  draining_ = true;
  broadcast(Drain{deadline_ms});
}

}  // namespace warden::app
