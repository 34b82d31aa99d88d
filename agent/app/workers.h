// SPDX-License-Identifier: Apache-2.0
// Workers: the proxy processes of this agent: started, asked every beat whether they are alive, started again when they end.
// What they ask for is answered through `WorkerDesk`, the supervisor's side of each question.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <array>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/app/handover.h"
#include "agent/app/link.h"
#include "agent/app/messages.h"
#include "agent/app/passage.h"
#include "agent/app/port_hold.h"
#include "agent/app/spawn.h"

namespace warden::app {

// Answers to what a worker may ask; every argument is hostile. `worker` is our own number of it.
class WorkerDesk {
 public:
  virtual ~WorkerDesk() = default;
  // `reply` is called once, now or later.
  virtual void flow(uint64_t worker, const FlowQuery& query, std::function<void(FlowReply)> reply) = 0;
  virtual void identity(uint64_t worker, const IdentityQuery& query, std::function<void(IdentityReply)> reply) = 0;
  virtual LeafReply leaf(const LeafQuery& query) = 0;
  // Empty: not to be had. The query's flow must be the worker's.
  virtual Fd socket(uint64_t worker, const SocketQuery& query) = 0;
  // The same here. False, here and below: the worker broke the protocol.
  virtual bool decision(uint64_t worker, const Decision& message, std::function<void(RecordFault)> reply) = 0;
  virtual bool passed(uint64_t worker, const Passed& message) = 0;
  virtual bool outcome(uint64_t worker, const Outcome& message) = 0;
  virtual bool flow_record(uint64_t worker, const FlowRecord& message) = 0;
  virtual void flow_end(uint64_t worker, const FlowEnd& message) = 0;
  virtual void stats(const Stats& message) = 0;
  virtual void worker_gone(uint64_t worker) = 0;
};

class Workers {
 public:
  struct Setup {
    size_t count = 1;
    WorkerAccount account;
    std::string cgroup;
    uint16_t port = 0;  // of the listeners; set by the first
    std::string spool_dir;
    size_t spool_files = 0;  // of each worker
  };
  Workers(boost::asio::io_context& io, WorkerDesk& desk, Setup setup) : io_(io), desk_(desk), setup_(std::move(setup)), retire_timer_(io) {}

  Result<void, SpawnError> start(Start start);
  // Workers of the program that this process was before. They serve at their old port until they are retired, and count
  // neither as ready nor as alive; when they end nobody takes their place. Before start().
  void adopt(const Handover& handover);
  // Soon tells those that were not told yet to finish what runs, within this time.
  void retire(std::chrono::milliseconds deadline);
  [[nodiscard]] size_t adopted() const;
  [[nodiscard]] bool adopted_alive(std::chrono::milliseconds within) const;
  // The other end of adopt(): from pause() on nothing is received and nobody started.
  void pause();
  [[nodiscard]] bool all_sent() const;
  // Whoever has not taken all that was sent is ended.
  void hand_over(Handover& handover);
  void ping();
  // Every worker of ours is ready and answered a ping sent within the last `within`.
  [[nodiscard]] bool all_alive(std::chrono::milliseconds within) const;
  void send_policy(const Policy& policy);
  // Descriptors for one worker. One that does not take them is ended and replaced.
  void send(uint64_t worker, const ParcelHead& head, std::array<Fd, kParcelDescriptorsMax> descriptors);
  template <class Message>
  void broadcast(const Message& message) {
    for (auto& [number, one] : workers_) one.link->send(message);
  }
  [[nodiscard]] std::vector<uint64_t> numbers() const;
  // Called for each worker that is started from now on, once it can be sent to.
  void on_start(std::function<void(uint64_t worker)> started) { started_ = std::move(started); }
  void drain(uint32_t deadline_ms);
  [[nodiscard]] bool none_left() const { return workers_.empty(); }
  [[nodiscard]] uint16_t port() const { return setup_.port; }
  [[nodiscard]] size_t ready() const;
  [[nodiscard]] uint64_t restarts() const { return restarts_; }
  void ended(pid_t child);  // it was reaped

 private:
  using Clock = std::chrono::steady_clock;
  struct One {
    pid_t pid = -1;  // -1: reaped, and the number may be another process's by now
    std::shared_ptr<Link> link;
    std::shared_ptr<Outbox> outbox;
    bool ready = false;
    bool adopted = false;
    int64_t drain_until_ns = 0;  // CLOCK_MONOTONIC; 0: not told to drain
    Clock::time_point started{};
    Clock::time_point answered_ping{};  // when the ping that it answered last was sent
  };
  Result<void, SpawnError> spawn();
  std::shared_ptr<Link> connect(uint64_t number, int fd, std::string unread);
  [[nodiscard]] static bool answered(const One& one, std::chrono::milliseconds within);
  void spawn_later();
  void retire_now(std::chrono::milliseconds deadline);
  bool receive(uint64_t number, MessageType type, std::string_view payload);
  void gone(uint64_t number, const char* why);

  boost::asio::io_context& io_;
  WorkerDesk& desk_;
  Setup setup_;
  PortHold port_hold_, adopted_port_hold_;
  Start start_;
  boost::asio::steady_timer retire_timer_;
  std::unordered_map<uint64_t, One> workers_;
  std::unordered_map<uint64_t, Clock::time_point> pings_;
  std::function<void(uint64_t)> started_;
  uint64_t next_worker_ = 1, next_ping_ = 1, restarts_ = 0;
  std::chrono::milliseconds respawn_pause_{100};
  bool draining_ = false;
};

}  // namespace warden::app
