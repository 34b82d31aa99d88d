// SPDX-License-Identifier: Apache-2.0
#include "agent/app/desk.h"

#include "agent/attribution/socket_owner.h"
#include "agent/base/check.h"
#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/pipeline/joints.h"
#include "audit/record/schema.h"

namespace warden::app {
namespace {

using audit::Field;

constexpr auto kDigestPatience = std::chrono::seconds(10);  // reading a gigabyte takes about two
constexpr size_t kWaitingMax = 16'384;
constexpr auto kSearchEvery = std::chrono::seconds(2);
constexpr size_t kDescriptorsMax = 50'000;  // looked at in one search
constexpr int64_t kGoneWithinUs = 1'000'000;

// The supervisor's clock of a record is the log's; what a worker may set, Draft::parse has checked.
Result<audit::Draft, audit::DraftError> read_draft(const std::string& bytes, audit::Kind kind) {
  auto draft = audit::Draft::parse(bytes, /*from_worker=*/true);
  if (draft && draft->kind() != kind) return fail(audit::DraftError::not_yours, "another kind of record");
  return draft;
}

void refuse_draft(Metrics& metrics) { metrics.count("audit_failures_total|bad_record"); }

std::string req_of(const audit::Draft& draft) {
  const audit::Value* value = draft.get(Field::req);
  const auto* req = value != nullptr ? std::get_if<std::string>(value) : nullptr;
  return req != nullptr ? *req : std::string();
}

// Where a connection went is the kernel's word as much as who made it.
void destination_fields(const Endpoint& original, audit::Draft& draft) {
  draft.set(Field::net_port, int64_t{original.port});
  draft.set(Field::net_dst, original.to_string());
}

// Strict mode could not look at a connection that is no LLM's as far as the kernel knows: its namespace is not served yet.
bool is_unserved(const kernel::Event& event) { return event.kind == kernel::EventKind::passed && event.reason == "no_listener"; }

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

GrantedFlow granted_to(uint64_t worker, const Endpoint& original, uint64_t netns, attribution::Identity identity) {
  GrantedFlow granted;
  granted.worker = worker;
  granted.original = original;
  granted.netns = netns;
  granted.identity = std::move(identity);
  auto facts = std::make_shared<audit::Draft>();
  pipeline::identity_fields(granted.identity, *facts);
  destination_fields(original, *facts);
  granted.facts = std::move(facts);
  return granted;
}

int64_t second_now() { return boot_us() / 1'000'000; }

uint64_t sum(const FlowRate::Overs& overs) {
  uint64_t all = 0;
  for (const auto& [key, over] : overs) all += over.count;
  return all;
}

audit::Draft gap_of(const std::string& reason, const FlowRate::Overs& overs) {
  audit::Draft gap(audit::Kind::gap);
  gap.set(Field::gap_reason, reason);
  gap.set(Field::gap_since, rfc3339(wall_us() - 1'000'000));
  gap.set(Field::gap_decisions, int64_t{0});
  gap.set(Field::gap_outcomes, int64_t{0});
  gap.set(Field::gap_other, static_cast<int64_t>(sum(overs)));
  std::vector<audit::Row> rows;
  for (const auto& [key, over] : overs) {
    audit::Row row{{{"kind", std::string("flow")}, {"n", static_cast<int64_t>(over.count)}}};
    if (!over.process.empty()) row.members.emplace_back("process", over.process);
    row.members.emplace_back("reason", key.reason);
    if (key.uid) row.members.emplace_back("uid", int64_t{*key.uid});
    rows.push_back(std::move(row));
  }
  gap.set(Field::gap_by, std::move(rows));
  return gap;
}

}  // namespace

void Desk::drain_kernel_events() {
  guard_.drain_events([this](const kernel::Event& event) {
    if (namespaces_ != nullptr && is_of_namespace(event)) namespaces_->seen(process_of(event));
    switch (event.kind) {
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
  if (flow->unknown) {
    // Most are none of ours: nobody is asked who made them, and no executable is hashed, until a name says otherwise.
    GrantedFlow granted;
    granted.worker = worker;
    granted.original = flow->original;
    granted.netns = netns;
    granted.unknown = *flow;
    FlowReply answer{query.query, true, 0, flow->original, {}, {}, false, netns, true};
    answer.flow = flows_.grant(std::move(granted));
    return reply(std::move(answer));
  }
  // The exec that made this process may still be in the ring; identity must not be older than the connection.
  drain_kernel_events();
  identify(worker, *flow,
           [this, worker, netns, number = query.query, original = flow->original, host = flow->host, told = flow->told,
             reply = std::move(reply)](attribution::Identity identity) {
             GrantedFlow granted = granted_to(worker, original, netns, std::move(identity));
             FlowReply answer{number, true, 0, original, host, attribution::serialise(granted.identity), told, netns};
             answer.flow = flows_.grant(std::move(granted));
             reply(std::move(answer));
           });
}

void Desk::with_facts(std::shared_ptr<GrantedFlow> flow, std::function<void()> done) {
  if (flow->facts) return done();
  drain_kernel_events();  // as above
  identify(flow->worker, *flow->unknown, [flow, done = std::move(done)](attribution::Identity identity) {
    flow->identity = std::move(identity);
    auto facts = std::make_shared<audit::Draft>();
    pipeline::identity_fields(flow->identity, *facts);
    destination_fields(flow->original, *facts);
    flow->facts = std::move(facts);
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

void Desk::identify(uint64_t worker, const kernel::Flow& flow, Identified done) {
  auto resolved = resolver_.resolve_now(flow);
  const bool complete = resolved.digests_done() && !resolved.pod_awaited;
  if (complete || waiting_.size() >= kWaitingMax) return done(std::move(resolved.identity));
  const auto now = std::chrono::steady_clock::now();
  waiting_.push_back({worker, now + kDigestPatience, now + pod_patience_, std::move(resolved), std::move(done)});
}

void Desk::catch_up() {
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
  note_suppressed(second_now());
}

void Desk::wait_no_longer() {
  resolver_.collect_hashes();
  finish(std::exchange(waiting_, {}));
  note_suppressed(second_now() + 1);
}

void Desk::finish(std::list<Waiting> finished) {
  for (Waiting& one : finished) {
    one.resolved.take_digests();  // "hash_pending" when it took too long
    one.done(std::move(one.resolved.identity));
  }
}

// What was not recorded one by one: by the log's rate, and by the kernel's, which is of refusals and of what decides nothing.
void Desk::note_suppressed(int64_t second) {
  FlowRate::Overs lost;
  if (second != std::exchange(suppressed_until_, second))
    for (const kernel::Loss& loss : guard_.take_losses()) FlowRate::add(lost, {loss.uid, loss.reason}, {loss.count, {}});
  for (const auto& [reason, overs] : {std::pair{"flow_rate", flow_rate_.take_over(second)}, std::pair{"kernel_events", std::move(lost)}}) {
    if (overs.empty()) continue;
    audit::Draft gap = gap_of(reason, overs);
    metrics_.count("flow_records_suppressed_total", sum(overs));
    recorder_.note(std::move(gap));
  }
}

void Desk::worker_gone(uint64_t worker) {
  flows_.end_all_of(worker);
  waiting_.remove_if([worker](const Waiting& one) { return one.worker == worker; });
}

void Desk::hand_over(Handover& handover) const {
  handover.next_flow = flows_.next();
  for (const auto& [number, flow] : flows_.all()) {
    const auto& open = flow->exchanges.all();
    HeldFlow held;
    held.number = number;
    held.worker = flow->worker;
    held.original = flow->original;
    held.netns = flow->netns;
    if (flow->facts) held.identity = attribution::serialise(flow->identity);
    held.exchanges.assign(open.begin(), open.end());
    if (flow->unknown) {
      held.unknown = true;
      held.passed = flow->passed;
      held.socket_cookie = flow->unknown->socket_cookie;
      held.connect_boot_ns = flow->unknown->connect_boot_ns;
      held.process = {flow->unknown->process};
    }
    handover.flows.push_back(std::move(held));
  }
}

void Desk::take_over(const Handover& handover) {
  flows_.go_on_from(handover.next_flow);
  for (const HeldFlow& held : handover.flows) {
    GrantedFlow flow{held.worker, held.original, held.netns, {}, nullptr, {}, {}, held.passed};
    if (!held.unknown || !held.identity.empty()) {
      auto identity = attribution::parse(held.identity);
      WARDEN_CHECK(identity);  // our own words
      flow = granted_to(held.worker, held.original, held.netns, std::move(*identity));
      flow.passed = held.passed;
    }
    if (held.unknown) {
      flow.unknown.emplace();
      flow.unknown->socket_cookie = held.socket_cookie;
      flow.unknown->connect_boot_ns = held.connect_boot_ns;
      flow.unknown->original = held.original;
      flow.unknown->unknown = true;
      flow.unknown->process = held.process;
    }
    for (const std::string& req : held.exchanges) flow.exchanges.begin(req);
    flows_.restore(held.number, std::move(flow));
  }
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
  const bool known = draft && (splice || (draft->kind() == audit::Kind::decision && flow->exchanges.begin(req_of(*draft))));
  if (!known || !flow->facts) {
    refuse_draft(metrics_);
    reply(RecordFault::refused);
    return true;
  }
  draft->stand_on(flow->facts);
  ++(splice ? spliced_ : decided_);
  observations_.decided(*flow, *draft);
  recorder_.decide(std::move(*draft), std::move(reply));
  return true;
}

bool Desk::outcome(uint64_t worker, const Outcome& message) {
  const auto flow = flows_.find(message.flow, worker);
  if (!flow) return false;
  auto draft = read_draft(message.draft, audit::Kind::outcome);
  if (!draft || !flow->exchanges.end(req_of(*draft))) return refuse_draft(metrics_), true;
  observations_.ended(*draft);
  recorder_.note(std::move(*draft));
  return true;
}

bool Desk::flow_record(uint64_t worker, const FlowRecord& message) {
  const auto flow = flows_.find(message.flow, worker);
  if (!flow) return false;
  auto draft = read_draft(message.draft, audit::Kind::flow);
  if (!draft) return refuse_draft(metrics_), true;
  const uint32_t uid = flow->unknown ? flow->unknown->process.uid : flow->identity.uid;
  const std::string& comm = flow->unknown ? flow->unknown->process.comm : flow->identity.comm;
  if (!flow_rate_.admit(uid, "spliced", comm, second_now())) return true;
  with_facts(flow, [this, flow, held = std::make_shared<audit::Draft>(std::move(*draft))] {
    held->stand_on(flow->facts);
    observations_.decided(*flow, *held);
    recorder_.note(std::move(*held));
  });
  return true;
}

void Desk::stats(const Stats& message) { metrics_.add(message.counters); }

void Desk::record_connect(const kernel::Event& event, const char* capture) {
  // What the kernel let through is recorded, all of it: it keeps the rate by itself, and refuses what is over.
  const kernel::ProcessFacts& facts = event.flow.process;
  if (std::string_view(capture) != "observed" && !flow_rate_.admit(facts.uid, event.reason, facts.comm, second_now())) return;
  identify(0, event.flow, [this, original = event.flow.original, reason = event.reason, host = event.host, capture](attribution::Identity identity) {
    GrantedFlow flow;
    flow.original = original;
    flow.identity = std::move(identity);
    audit::Draft draft(audit::Kind::flow);
    pipeline::identity_fields(flow.identity, draft);
    if (original != Endpoint{}) destination_fields(original, draft);
    draft.set(Field::net_capture, std::string(capture));
    draft.set(Field::net_reason, reason);
    if (!host.empty()) draft.set(Field::net_host, host);
    observations_.decided(flow, draft);
    recorder_.note(std::move(draft));
  });
}

}  // namespace warden::app
