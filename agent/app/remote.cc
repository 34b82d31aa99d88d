// SPDX-License-Identifier: Apache-2.0
#include "agent/app/remote.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace warden::app {
namespace asio = boost::asio;

template <class Reply>
asio::awaitable<Reply> Remote::wait(Waiters<Reply>& waiters, uint64_t number) {
  return asio::async_initiate<decltype(asio::use_awaitable), void(Reply)>(
      [&waiters, number](auto handler) {
        using Handler = decltype(handler);
        struct Waiting final : Waiter<Reply> {
          explicit Waiting(Handler h) : handler_(std::move(h)) {}
          void resume(Reply reply) override { std::move(handler_)(std::move(reply)); }
          Handler handler_;
        };
        waiters.emplace(number, std::make_unique<Waiting>(std::move(handler)));
      },
      asio::use_awaitable);
}

template <class Reply>
bool Remote::wake(Waiters<Reply>& waiters, uint64_t number, Reply reply) {
  auto node = waiters.extract(number);
  if (!node) return false;
  node.mapped()->resume(std::move(reply));
  return true;
}

bool Remote::answer(FlowReply reply) {
  const uint64_t number = reply.query;
  return wake(flows_, number, std::move(reply));
}

bool Remote::answer(LeafReply reply) {
  const uint64_t number = reply.query;
  return wake(leaves_, number, std::move(reply));
}

bool Remote::answer(IdentityReply reply) {
  const uint64_t number = reply.query;
  return wake(identities_, number, std::move(reply));
}

bool Remote::answer(const Recorded& reply) { return wake(records_, reply.token, reply); }

void Remote::answer(uint64_t query, Fd socket) { static_cast<void>(wake(sockets_, query, std::move(socket))); }

asio::awaitable<std::optional<pipeline::FlowGrant>> Remote::flow(const Endpoint& peer, const Endpoint& local) {
  const uint64_t number = next_++;
  link_->send(FlowQuery{number, peer, local});
  FlowReply reply = co_await wait(flows_, number);
  if (!reply.found) co_return std::nullopt;
  pipeline::FlowGrant grant{reply.flow, reply.original, std::move(reply.host), {}, reply.told, reply.unknown, reply.netns};
  if (reply.unknown) co_return grant;
  auto identity = attribution::parse(reply.identity);
  if (!identity) co_return std::nullopt;
  grant.identity = std::move(*identity);
  co_return grant;
}

asio::awaitable<std::optional<attribution::Identity>> Remote::identity(uint64_t flow) {
  const uint64_t number = next_++;
  link_->send(IdentityQuery{number, flow});
  const IdentityReply reply = co_await wait(identities_, number);
  auto identity = attribution::parse(reply.identity);
  if (!identity) co_return std::nullopt;
  co_return std::move(*identity);
}

void Remote::passed(uint64_t flow) { link_->send(Passed{flow}); }

asio::awaitable<bool> Remote::leaf(const std::string& host) {
  const uint64_t number = next_++;
  link_->send(LeafQuery{number, host});
  const LeafReply reply = co_await wait(leaves_, number);
  if (reply.chain_pem.empty()) co_return false;
  co_return client_tls_.put_leaf(host, {reply.chain_pem, reply.key_pem, reply.not_after_s}).has_value();
}

asio::awaitable<pipeline::RecordResult> Remote::record(uint64_t flow, const audit::Draft& decision) {
  using pipeline::RecordResult;
  Decision message{next_++, flow, {}};
  decision.serialise(message.draft);
  link_->send(message);
  const Recorded reply = co_await wait(records_, message.token);
  switch (reply.fault) {
    case RecordFault::none: co_return RecordResult::durable;
    case RecordFault::not_durable: co_return RecordResult::not_durable;
    case RecordFault::spool_full: co_return RecordResult::spool_full;
    case RecordFault::overloaded: co_return RecordResult::overloaded;
    case RecordFault::refused: co_return RecordResult::refused;
  }
  co_return RecordResult::not_durable;
}

asio::awaitable<Fd> Remote::socket(uint64_t flow, bool v6) {
  const uint64_t number = next_++;
  link_->send(SocketQuery{number, flow, v6});
  co_return co_await wait(sockets_, number);
}

void Remote::outcome(uint64_t flow, const audit::Draft& outcome) {
  Outcome message{flow, {}};
  outcome.serialise(message.draft);
  link_->send(message);
}

void Remote::flow_record(uint64_t flow, const audit::Draft& record) {
  FlowRecord message{flow, {}};
  record.serialise(message.draft);
  link_->send(message);
}

void Remote::flow_end(uint64_t flow) { link_->send(FlowEnd{flow}); }

}  // namespace warden::app
