// SPDX-License-Identifier: Apache-2.0
#include "agent/app/desk.h"

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/pipeline/joints.h"
#include "audit/record/schema.h"

namespace warden::app {
namespace {

using audit::Field;

constexpr unsigned kRefusalRecordsPerSecondMax = 200;

// The supervisor's clock of a record is the log's; what a worker may set, Draft::parse has checked.
Result<audit::Draft, audit::DraftError> read_draft(const std::string& bytes, audit::Kind kind) {
  auto draft = audit::Draft::parse(bytes, /*from_worker=*/true);
  if (draft && draft->kind() != kind) return fail(audit::DraftError::not_yours, "another kind of record");
  return draft;
}

}  // namespace

void Desk::drain_kernel_events() {
  guard_.drain_events([this](const kernel::Event& event) {
    switch (event.kind) {
      case kernel::EventKind::exec:
      case kernel::EventKind::fork:
      case kernel::EventKind::exit: resolver_.on_event(event); break;
      case kernel::EventKind::refused:
      case kernel::EventKind::quic_refused: refused(event); break;
      case kernel::EventKind::passed: metrics_.count("kernel_connects_total|passed"); break;
      case kernel::EventKind::connect: metrics_.count("kernel_connects_total|redirected"); break;
      case kernel::EventKind::dns_learned:
        log::debug("learned {} for {}", event.flow.original.to_string(), event.host);
        break;
    }
  });
}

FlowReply Desk::flow(uint64_t worker, const FlowQuery& query) {
  FlowReply reply{query.query, false, 0, {}, {}, {}};
  const auto flow = guard_.find_flow(query.peer, query.local);
  if (!flow) return reply;
  // The exec that made this process may still be in the ring; identity must not be older than the connection.
  drain_kernel_events();
  GrantedFlow granted;
  granted.worker = worker;
  granted.original = flow->original;
  granted.identity = resolver_.resolve(*flow);
  pipeline::identity_fields(granted.identity, granted.fields);
  reply.found = true;
  reply.original = flow->original;
  reply.host = flow->host;
  reply.identity = attribution::serialise(granted.identity);
  reply.flow = flows_.grant(std::move(granted));
  return reply;
}

LeafReply Desk::leaf(const LeafQuery& query) {
  LeafReply reply{query.query, {}, {}, 0};
  const auto leaf = authority_.mint(query.host);
  if (!leaf) {
    log::warn("no certificate for a name that was asked for: {}", leaf.error().detail);
    return reply;
  }
  reply.chain_pem = leaf->chain_pem;
  reply.key_pem = leaf->key_pem;
  reply.not_after_s = leaf->not_after_s;
  return reply;
}

bool Desk::decision(uint64_t worker, const Decision& message, std::function<void(RecordFault)> reply) {
  const auto flow = flows_.find(message.flow, worker);
  auto draft = read_draft(message.draft, audit::Kind::decision);
  if (!flow || !draft) return false;
  draft->merge(flow->fields);
  ++decided_;
  observations_.decided(*flow, *draft);
  recorder_.decide(std::move(*draft), std::move(reply));
  return true;
}

bool Desk::outcome(uint64_t worker, const Outcome& message) {
  auto draft = read_draft(message.draft, audit::Kind::outcome);
  if (!flows_.find(message.flow, worker) || !draft) return false;
  observations_.ended(*draft);
  recorder_.note(std::move(*draft));
  return true;
}

bool Desk::flow_record(uint64_t worker, const FlowRecord& message) {
  const auto flow = flows_.find(message.flow, worker);
  auto draft = read_draft(message.draft, audit::Kind::flow);
  if (!flow || !draft) return false;
  draft->merge(flow->fields);
  if (const audit::Value* capture = draft->get(Field::net_capture))
    if (const auto* word = std::get_if<std::string>(capture); word != nullptr && *word == "spliced") ++spliced_;
  observations_.decided(*flow, *draft);
  recorder_.note(std::move(*draft));
  return true;
}

void Desk::stats(const Stats& message) { metrics_.add(message.counters); }

void Desk::refused(const kernel::Event& event) {
  metrics_.count("kernel_connects_total|refused");
  const int64_t second = boot_us() / 1'000'000;
  if (second != refused_second_) {
    refused_second_ = second;
    refused_in_second_ = 0;
  }
  if (++refused_in_second_ > kRefusalRecordsPerSecondMax) return;
  GrantedFlow flow;
  flow.original = event.flow.original;
  flow.identity = resolver_.resolve(event.flow);
  audit::Draft draft(audit::Kind::flow);
  pipeline::identity_fields(flow.identity, draft);
  draft.set(Field::net_capture, std::string("refused"));
  draft.set(Field::net_reason, event.reason);
  draft.set(Field::net_port, int64_t{event.flow.original.port});
  draft.set(Field::net_dst, event.flow.original.to_string());
  observations_.decided(flow, draft);
  recorder_.note(std::move(draft));
}

}  // namespace warden::app
