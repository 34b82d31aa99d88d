// SPDX-License-Identifier: Apache-2.0
// Remote: the supervisor as a worker's connections see it (pipeline::Supervisor), over the link. Each question suspends its
// coroutine until the answer's number comes back.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "agent/app/link.h"
#include "agent/app/messages.h"
#include "agent/pipeline/services.h"

namespace warden::app {

class Remote final : public pipeline::Supervisor {
 public:
  explicit Remote(tls::ClientContext& client_tls) : client_tls_(client_tls) {}
  void connect(std::shared_ptr<Link> link) { link_ = std::move(link); }

  boost::asio::awaitable<std::optional<pipeline::FlowGrant>> flow(const Endpoint& peer, const Endpoint& local) override;
  boost::asio::awaitable<std::optional<attribution::Identity>> identity(uint64_t flow) override;
  void passed(uint64_t flow) override;
  boost::asio::awaitable<bool> leaf(const std::string& host) override;
  boost::asio::awaitable<pipeline::RecordResult> record(uint64_t flow, const audit::Draft& decision) override;
  void outcome(uint64_t flow, const audit::Draft& outcome) override;
  void flow_record(uint64_t flow, const audit::Draft& record) override;
  void flow_end(uint64_t flow) override;
  boost::asio::awaitable<Fd> socket(uint64_t flow, bool v6) override;

  // Answers, as the worker's link delivers them. False: nobody asked.
  bool answer(FlowReply reply);
  bool answer(LeafReply reply);
  bool answer(IdentityReply reply);
  bool answer(const Recorded& reply);
  void answer(uint64_t query, Fd socket);

 private:
  template <class Reply>
  struct Waiter {
    virtual ~Waiter() = default;
    virtual void resume(Reply reply) = 0;
  };
  template <class Reply>
  using Waiters = std::unordered_map<uint64_t, std::unique_ptr<Waiter<Reply>>>;
  template <class Reply>
  boost::asio::awaitable<Reply> wait(Waiters<Reply>& waiters, uint64_t number);
  template <class Reply>
  static bool wake(Waiters<Reply>& waiters, uint64_t number, Reply reply);

  tls::ClientContext& client_tls_;
  std::shared_ptr<Link> link_;
  uint64_t next_ = 1;
  Waiters<FlowReply> flows_;
  Waiters<LeafReply> leaves_;
  Waiters<IdentityReply> identities_;
  Waiters<Recorded> records_;
  Waiters<Fd> sockets_;
};

}  // namespace warden::app
