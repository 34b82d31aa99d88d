// SPDX-License-Identifier: Apache-2.0
#include "agent/app/desk.h"

#include <algorithm>
#include <utility>

#include "agent/app/granted_flow.h"
#include "agent/attribution/socket_owner.h"
#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/pipeline/joints.h"
#include "audit/record/schema.h"

namespace warden::app {
namespace {

using audit::Field;

constexpr auto kSearchEvery = std::chrono::seconds(2);
constexpr size_t kDescriptorsMax = 50'000;  // looked at in one search
constexpr int64_t kGoneWithinUs = 1'000'000;
constexpr size_t kRecordedLatelyMax = 1024;  // then they are looked up anew

// The supervisor's clock of a record is the log's; what a worker may set, Draft::parse has checked.
Result<audit::Draft, audit::DraftError> read_draft(const std::string& bytes, audit::Kind kind) {
  auto draft = audit::Draft::parse(bytes, /*from_worker=*/true);
  if (draft && draft->kind() != kind) return fail(audit::DraftError::not_yours, "another kind of record");
  return draft;
}

void refuse_draft(Metrics& metrics) { metrics.count("audit_failures_total|bad_record"); }

std::string text_of(const audit::Draft& draft, Field field) {
  const audit::Value* value = draft.get(field);
  const auto* text = value != nullptr ? std::get_if<std::string>(value) : nullptr;
  return text != nullptr ? *text : std::string();
}

int64_t number_of(const audit::Draft& draft, Field field) {
  const audit::Value* value = draft.get(field);
  const auto* number = value != nullptr ? std::get_if<int64_t>(value) : nullptr;
  return number != nullptr ? *number : 0;
}

// Strict mode could not look at a connection that is no LLM's as far as the kernel knows: its namespace is not served yet.
bool is_unserved(const kernel::Event& event) { return event.kind == kernel::EventKind::passed && event.reason == "no_listener"; }

// What became of it, and why. What was let through unseen is named as what it is.
void connect_fields(const kernel::Event& event, const char* capture, audit::Draft& draft) {
  draft.set(Field::net_capture, std::string(capture));
  draft.set(Field::net_reason, event.reason);
  const std::string& host = event.host.empty() ? event.flow.host : event.host;
  if (!host.empty()) draft.set(Field::net_host, host);
  if (event.flow.original == Endpoint{} || std::string_view(capture) != "observed") return;
  draft.set(Field::dec_verdict, std::string("not_evaluated"));
  draft.set(Field::dec_action, std::string("observe"));
  draft.set(Field::dec_reason, event.reason);
}

// An event that shows a guarded process in its network namespace.
bool is_of_namespace(const kernel::Event& event) {
  using kernel::EventKind;
  return event.kind == EventKind::exec || event.kind == EventKind::fork || event.kind == EventKind::refused ||
         event.kind == EventKind::connect || is_unserved(event);
}

const kernel::ProcessFacts& process_of(const kernel::Event& event) {
  const bool of_flow =
      event.kind == kernel::EventKind::refused || event.kind == kernel::EventKind::connect || is_unserved(event);
  return of_flow ? event.flow.process : event.process;
}

// Nobody saw who connected: whoever holds the socket now is named.
void find_owner(kernel::Event& event) {
  const auto sockets = kernel::tcp_sockets();
  if (!sockets) return;
  for (const kernel::TcpSocket& socket : *sockets) {
    if (socket.name.cookie != event.socket.cookie) continue;
    auto owners = attribution::owners_of_sockets({socket.inode}, kDescriptorsMax);
    if (!owners.empty()) event.flow.process = std::move(owners.begin()->second);
  }
}

int64_t second_now() { return boot_us() / 1'000'000; }

}  // namespace

void Desk::drain_kernel_events() {
  guard_.drain_events([this](const kernel::Event& event) {
    if (namespaces_ != nullptr && is_of_namespace(event)) namespaces_->seen(process_of(event));
    if (residents_ != nullptr && residents_->leaves(event)) left_guarded_tree(event);
    switch (event.kind) {
      case kernel::EventKind::entered:
      case kernel::EventKind::left: break;
      case kernel::EventKind::exec:
      case kernel::EventKind::fork:
      case kernel::EventKind::exit: resolver_.on_event(event); break;
      case kernel::EventKind::refused:
      case kernel::EventKind::quic_refused:
        metrics_.count("kernel_connects_total|refused");
        record_connect(event, "refused");
        break;
      case kernel::EventKind::passed:
        if (is_unserved(event)) return metrics_.count("strict_unserved_total");
        metrics_.count("kernel_connects_total|passed");
        record_connect(event, "observed");
        break;
      case kernel::EventKind::tripped: trip(event); break;
      case kernel::EventKind::connect: metrics_.count("kernel_connects_total|redirected"); break;
      case kernel::EventKind::dns_learned:
        log::debug("learned {} for {}", event.flow.original.to_string(), event.host);
        break;
    }
  });
}

void Desk::left_guarded_tree(const kernel::Event& event) {
  metrics_.count("tampering_total|left_guarded_tree");
  log::error("pid {} ({}) left the guarded tree", event.process.tgid, event.process.comm);
  kernel::Event told{};
  told.kind = kernel::EventKind::passed;
  told.reason = "left_guarded_tree";
  told.flow.process = event.process;
  record_connect(told, "observed");
}

// Dropped packets alone would leave the client to its own timeout: the socket is ended, so that it may try again at once.
void Desk::trip(kernel::Event event) {
  // A socket that somebody accepted or was handed. Looking for its owner costs milliseconds and is anybody's to cause, so it is
  // done now and then; the record of another one says that its process is not known.
  const auto now = std::chrono::steady_clock::now();
  if (event.is_tcp && event.flow.process.tgid == 0 && now >= search_after_) {
    search_after_ = now + kSearchEvery;
    find_owner(event);
  }
  if (event.dropped && event.is_tcp)
    if (auto ended = kernel::destroy_socket(event.socket, event.flow.process.tgid); !ended)
      log::debug("a refused connection of pid {} was not ended: {}", event.flow.process.tgid, ended.error().detail);
  metrics_.count(event.dropped ? "kernel_connects_total|refused" : "kernel_connects_total|passed");
  // Many a program does nothing else all day: one that is let through is told once in a while.
  if (!event.dropped && event.flow.process.tgid != 0 && !repeats_.is_first(event, second_now())) return;
  record_connect(event, event.dropped ? "refused" : "observed");
}

// The kernel names a redirected connection by its source port, which is somebody else's once its socket is gone: so the socket
// that is there now must be the very one. Where none is left its process has sent and ended, a moment ago.
bool Desk::is_whose(const kernel::Flow& flow, const FlowQuery& query) const {
  const uint64_t netns = flow.process.netns_cookie;
  const int diag = namespaces_ == nullptr || namespaces_->is_own(netns) ? diag_.get() : namespaces_->diag(netns);
  const auto there = kernel::find_socket(diag, query.peer, query.local);
  if (there && there->cookie == flow.socket_cookie) return true;
  const int64_t age_us = boot_us() - static_cast<int64_t>(flow.connect_boot_ns / 1000);
  return !(there && there->held) && age_us < kGoneWithinUs;
}

void Desk::flow(uint64_t worker, const FlowQuery& query, std::function<void(FlowReply)> reply) {
  const auto flow = guard_.find_flow(query.peer, query.local);
  if (!flow) return reply({query.query, false, 0, {}, {}, {}, false, 0});
  if (!is_whose(*flow, query)) {
    metrics_.count("connections_forged_total");
    log::warn("a connection to the workers' port came from where pid {} had been redirected: refused", flow->process.tgid);
    return reply({query.query, false, 0, {}, {}, {}, false, 0});
  }
  const uint64_t cookie = flow->process.netns_cookie;
  const uint64_t netns = namespaces_ == nullptr || namespaces_->is_own(cookie) ? 0 : cookie;
  GrantedFlow granted;
  granted.worker = worker;
  granted.original = flow->original;
  granted.netns = netns;
  if (flow->unknown) {
    // Most are none of ours: nobody is asked who made them, and no executable is hashed, until a name says otherwise.
    granted.unknown = *flow;
    FlowReply answer{query.query, true, 0, flow->original, {}, {}, false, netns, true};
    answer.flow = flows_.grant(std::move(granted));
    return reply(std::move(answer));
  }
  granted.host = flow->host;
  // The exec that made this process may still be in the ring; identity must not be older than the connection.
  drain_kernel_events();
  identifier_.identify(worker, *flow,
                       [this, granted = std::move(granted), number = query.query, told = flow->told,
                        reply = std::move(reply)](attribution::Identity identity) mutable {
                         set_identity(granted, std::move(identity));
                         FlowReply answer{number,    true, 0, granted.original, granted.host, attribution::serialise(granted.identity),
                                          told, granted.netns};
                         answer.flow = flows_.grant(std::move(granted));
                         reply(std::move(answer));
                       });
}

void Desk::with_facts(std::shared_ptr<GrantedFlow> flow, std::function<void()> done) {
  if (flow->facts) return done();
  drain_kernel_events();  // as above
  identifier_.identify(flow->worker, *flow->unknown, [flow, done = std::move(done)](attribution::Identity identity) {
    set_identity(*flow, std::move(identity));
    done();
  });
}

void Desk::identity(uint64_t worker, const IdentityQuery& query, std::function<void(IdentityReply)> reply) {
  auto flow = flows_.find(query.flow, worker);
  if (!flow) return reply({query.query, {}});
  with_facts(flow, [flow, number = query.query, reply = std::move(reply)] { reply({number, attribution::serialise(flow->identity)}); });
}

bool Desk::passed(uint64_t worker, const Passed& message) {
  const auto flow = flows_.find(message.flow, worker);
  // Without a record only where nobody knows the address, and once.
  if (!flow || !flow->unknown || flow->passed) return false;
  flow->passed = true;
  ++spliced_;
  return true;
}

void Desk::catch_up() {
  identifier_.catch_up();
  note_suppressed(second_now());
}

void Desk::wait_no_longer() {
  identifier_.wait_no_longer();
  note_suppressed(second_now() + 1);
}

void Desk::note_suppressed(int64_t second) {
  const uint64_t over = flow_rate_.take_over(second);
  if (over == 0) return;
  metrics_.count("flow_records_suppressed_total", over);
  audit::Draft gap(audit::Kind::gap);
  gap.set(Field::gap_reason, std::string("flow_rate"));
  gap.set(Field::gap_since, rfc3339(wall_us() - 1'000'000));
  gap.set(Field::gap_decisions, int64_t{0});
  gap.set(Field::gap_outcomes, int64_t{0});
  gap.set(Field::gap_other, static_cast<int64_t>(over));
  recorder_.note(std::move(gap));
}

void Desk::worker_gone(uint64_t worker) {
  flows_.end_all_of(worker);
  identifier_.forget(worker);
}

void Desk::hand_over(Handover& handover) const {
  handover.next_flow = flows_.next();
  for (const auto& [number, flow] : flows_.all()) handover.flows.push_back(to_held(number, *flow));
}

void Desk::take_over(const Handover& handover) {
  flows_.go_on_from(handover.next_flow);
  for (const HeldFlow& held : handover.flows) flows_.restore(held.number, to_granted(held));
}

LeafReply Desk::leaf(const LeafQuery& query) {
  LeafReply reply{query.query, {}, {}, 0};
  if (authority_ == nullptr) return reply;
  const auto leaf = authority_->mint(query.host);
  if (!leaf) {
    log::warn("no certificate for a name that was asked for: {}", leaf.error().detail);
    return reply;
  }
  reply.chain_pem = leaf->chain_pem;
  reply.key_pem = leaf->key_pem;
  reply.not_after_s = leaf->not_after_s;
  return reply;
}

Fd Desk::socket(uint64_t worker, const SocketQuery& query) {
  const auto flow = flows_.find(query.flow, worker);
  if (!flow || flow->netns == 0 || namespaces_ == nullptr) return {};
  return namespaces_->socket(flow->netns, query.v6);
}

// A draft that cannot be read is one exchange's trouble: whoever can make a worker write one must not end the worker's others.
bool Desk::decision(uint64_t worker, const Decision& message, std::function<void(RecordFault)> reply) {
  const auto flow = flows_.find(message.flow, worker);
  if (!flow) return false;
  auto draft = audit::Draft::parse(message.draft, /*from_worker=*/true);
  // A connection that is to be spliced waits for its record too: its bytes leave as well.
  const bool splice = draft && draft->kind() == audit::Kind::flow;
  const bool known = draft && (splice || (draft->kind() == audit::Kind::decision && flow->exchanges.begin(text_of(*draft, Field::req))));
  if (!known || !flow->facts) {
    refuse_draft(metrics_);
    reply(RecordFault::refused);
    return true;
  }
  draft->stand_on(flow->facts);
  ++(splice ? spliced_ : decided_);
  take_stock(*flow, *draft);
  observations_.decided(*flow, *draft);
  recorder_.decide(std::move(*draft), std::move(reply));
  return true;
}

bool Desk::outcome(uint64_t worker, const Outcome& message) {
  const auto flow = flows_.find(message.flow, worker);
  if (!flow) return false;
  auto draft = read_draft(message.draft, audit::Kind::outcome);
  if (!draft || !flow->exchanges.end(text_of(*draft, Field::req))) return refuse_draft(metrics_), true;
  observations_.ended(*draft);
  const auto bytes = [&](Field field) { return static_cast<uint64_t>(std::max<int64_t>(number_of(*draft, field), 0)); };
  if (!flow->counted.capture.empty())  // else its decision was an earlier program's
    inventory_.add(flow->counted, {.sent_bytes = bytes(Field::io_sent_bytes), .received_bytes = bytes(Field::io_resp_bytes)}, wall_us());
  recorder_.note(std::move(*draft));
  return true;
}

// A connection on which nothing was asked was redirected all the same.
void Desk::flow_end(uint64_t worker, const FlowEnd& message) {
  if (const auto flow = flows_.find(message.flow, worker); flow && flow->facts && !flow->in_inventory) {
    audit::Draft record(audit::Kind::flow);
    record.set(Field::net_capture, std::string("proxied"));
    record.set(Field::net_host, flow->host);
    take_stock(*flow, record);
  }
  flows_.end(message.flow, worker);
}

void Desk::name_provider(audit::Draft& record, const Endpoint& original) const {
  const std::string host = text_of(record, Field::net_host);
  if (host.empty() || record.get(Field::llm_provider) != nullptr) return;
  if (const provider::Service* service = catalogue_.find(host, original.port)) record.set(Field::llm_provider, service->provider);
}

void Desk::take_stock(GrantedFlow& flow, audit::Draft& record) {
  name_provider(record, flow.original);
  flow.counted = with_destination(inventory_key(flow.identity), record);
  InventoryCounts counts;
  counts.connections = flow.in_inventory ? 0 : 1;
  counts.requests = record.kind() == audit::Kind::decision ? 1 : 0;
  counts.blocked = counts.requests != 0 && text_of(record, Field::dec_action) == "block" ? 1 : 0;
  flow.in_inventory = true;
  inventory_.add(flow.counted, counts, wall_us());
}

bool Desk::flow_record(uint64_t worker, const FlowRecord& message) {
  const auto flow = flows_.find(message.flow, worker);
  if (!flow) return false;
  auto draft = read_draft(message.draft, audit::Kind::flow);
  if (!draft) return refuse_draft(metrics_), true;
  // Whose connection it was is not looked up for a record that will not be kept.
  const bool kept = flow_rate_.admit(flow->unknown ? flow->unknown->process.uid : flow->identity.uid, second_now());
  if (!kept && !flow->facts) {
    if (!std::exchange(flow->in_inventory, true)) inventory_.add_unnamed(text_of(*draft, Field::net_capture), 1, wall_us());
    return true;
  }
  with_facts(flow, [this, flow, kept, held = std::make_shared<audit::Draft>(std::move(*draft))] {
    held->stand_on(flow->facts);
    take_stock(*flow, *held);
    if (!kept) return;
    observations_.decided(*flow, *held);
    recorder_.note(std::move(*held));
  });
  return true;
}

void Desk::stats(const Stats& message) { metrics_.add(message.counters); }

void Desk::record_connect(const kernel::Event& event, const char* capture) {
  if (!flow_rate_.admit(event.flow.process.uid, second_now())) return count_suppressed(event, capture);
  identifier_.identify(0, event.flow, [this, event, capture](attribution::Identity identity) { take_connect(event, capture, std::move(identity)); });
}

void Desk::take_connect(const kernel::Event& event, const char* capture, attribution::Identity identity) {
  GrantedFlow flow;
  flow.original = event.flow.original;
  flow.identity = std::move(identity);
  audit::Draft draft(audit::Kind::flow);
  pipeline::identity_fields(flow.identity, draft);
  if (flow.original != Endpoint{}) destination_fields(flow.original, draft);
  connect_fields(event, capture, draft);
  const kernel::ProcessFacts& process = event.flow.process;
  if (recorded_lately_.size() >= kRecordedLatelyMax) recorded_lately_.clear();
  recorded_lately_[{process.tgid, process.start_boottime_ns, process.uid}] = inventory_key(flow.identity);
  take_stock(flow, draft);
  observations_.decided(flow, draft);
  recorder_.note(std::move(draft));
}

void Desk::count_suppressed(const kernel::Event& event, const char* capture) {
  const kernel::ProcessFacts& process = event.flow.process;
  const auto known = recorded_lately_.find({process.tgid, process.start_boottime_ns, process.uid});
  if (process.tgid == 0 || known == recorded_lately_.end()) return inventory_.add_unnamed(capture, 1, wall_us());
  audit::Draft draft(audit::Kind::flow);
  connect_fields(event, capture, draft);
  name_provider(draft, event.flow.original);
  inventory_.add(with_destination(known->second, draft), {.connections = 1}, wall_us());
}

}  // namespace warden::app
