// SPDX-License-Identifier: Apache-2.0
// The story of one exchange. Each step is one call into the folder that knows how; this file only knows the order, and what a
// failure of each step means. The order is the product's first promise: nothing is forwarded before it is recorded.
#include "agent/pipeline/exchange.h"

#include <algorithm>
#include <expected>

#include "agent/base/clock.h"
#include "agent/base/uuid.h"
#include "agent/pipeline/joints.h"
#include "agent/pipeline/provider_leg.h"
#include "agent/pipeline/records.h"
#include "agent/pipeline/refusal.h"
#include "agent/pipeline/relay.h"

namespace warden::pipeline {
namespace asio = boost::asio;

namespace {

// Times one stage into the tally when it goes out of scope or is told to.
class StageClock {
 public:
  explicit StageClock(Tally& tally) : tally_(tally), at_ns_(monotonic_ns()), begun_ns_(at_ns_) {}
  void done(Stage stage) {
    const int64_t now_ns = monotonic_ns();
    tally_.time(stage, (now_ns - at_ns_) / 1000);
    at_ns_ = now_ns;
  }
  [[nodiscard]] int64_t total_us() const { return (monotonic_ns() - begun_ns_) / 1000; }
  void total() { tally_.time(Stage::total, total_us()); }

 private:
  Tally& tally_;
  int64_t at_ns_, begun_ns_;
};

// On plain HTTP applications also name the address itself.
bool names_service(const http::Head& head, const Connection& connection) {
  const Endpoint& original = connection.grant.original;
  return names_host(head, connection.host, original.port) ||
         (!connection.service->tls && names_host(head, original.ip(), original.port));
}

// Waits for the next request without a buffer, as most connections do most of the time, and then reads it.
asio::awaitable<ReadResult> next_request(Connection& connection) {
  Services& services = connection.services;
  if (connection.client.ahead.empty() && !connection.client.stream.has_buffered()) {
    services.idle.insert(&connection);
    const auto woken = co_await connection.client.stream.wait_readable();
    services.idle.erase(&connection);
    if (!woken || services.draining) co_return ReadResult{};
  }
  co_return co_await read_request(connection.client, connection.request, services.body_bytes_max);
}

// The request as its dialect reads it; a host that is not the connection's own is as unreadable as an unknown shape.
std::expected<provider::Prompt, Unread> read_prompt(const Connection& connection) {
  const Request& request = connection.request;
  if (!names_service(request.head(), connection)) return std::unexpected(Unread{"host_mismatch"});
  const provider::Dialect* dialect = provider::find_dialect(connection.service->dialect);
  if (dialect == nullptr) return std::unexpected(Unread{"unknown_shape"});
  const std::string type = content_type(request.head());
  auto prompt = dialect->read({request.head().method, request.path(), request.query(), type}, request.body);
  if (!prompt) return std::unexpected(Unread{std::string(provider::name(prompt.error()))});
  return std::move(*prompt);
}

// What goes to the provider: the application's own bytes, or the edited body in the same coding under a head of its length.
struct Sendable {
  Sendable(const Request& request, const std::vector<classify::Edit>& edits, const std::string& edited_body) {
    if (edits.empty()) {
      outgoing = {request.raw, {}};
      return;
    }
    body = http::encode(request.coding, edited_body);
    head = edited_head(request.head(), body.size());
    outgoing = {head, body};
  }
  Sendable(const Sendable&) = delete;
  Sendable& operator=(const Sendable&) = delete;
  std::string head, body;
  Outgoing outgoing;
};

void count(Tally& tally, const policy::Verdict& verdict, const std::string& provider) {
  std::string name = "decisions_total|";
  name += policy::name(verdict.outcome);
  name += '|';
  name += policy::name(verdict.action);
  name += '|';
  name += provider;
  tally.count(std::move(name));
  if (verdict.outcome == policy::Outcome::not_evaluated) tally.count("not_evaluated_total|" + verdict.reason);
  if (verdict.reason.starts_with("unresolved:")) tally.count("unresolved_identity_total");
}

struct Decided {
  policy::Verdict verdict;
  std::vector<classify::Edit> edits;
  std::string edited_body;
};

// Classifies and decides. Where policy says redact but the text may not be edited, the answer is block.
Decided decide(Connection& connection, const classify::Report& report) {
  Decided decided;
  const policy::Program& program = *connection.services.policy;
  data_facts(report, connection.segments, connection.facts, connection.row_of);
  decided.verdict = policy::decide(program, connection.facts);
  if (report.status != classify::ScanStatus::complete && decided.verdict.action != policy::Action::block)
    decided.verdict = policy::decide_unreadable(
        program, connection.facts, report.status == classify::ScanStatus::partial ? "scan_budget" : "classifier_error");
  if (decided.verdict.action != policy::Action::redact) return decided;

  std::vector<classify::Finding> chosen;
  for (size_t i = 0; i < report.findings.size(); ++i)
    if (std::ranges::find(decided.verdict.redact, connection.row_of[i]) != decided.verdict.redact.end())
      chosen.push_back(report.findings[i]);
  auto edits = classify::redact(connection.segments, chosen, connection.services.redaction_key);
  if (!edits) {
    decided.verdict.outcome = policy::Outcome::block;
    decided.verdict.action = policy::Action::block;
    decided.verdict.reason = "not_editable";
    return decided;
  }
  decided.edits = std::move(*edits);
  decided.edited_body = apply_edits(connection.request.body, connection.segments, decided.edits);
  return decided;
}

}  // namespace

asio::awaitable<ExchangeEnd> run_exchange(Connection& connection) {
  Services& services = connection.services;
  Request& request = connection.request;
  const ReadResult read = co_await next_request(connection);
  if (read.end == ReadEnd::closed) co_return ExchangeEnd::over;
  ExchangeRecord record(connection, uuid7());
  if (read.end == ReadEnd::broken) {
    services.tally.count("not_evaluated_total|request_incomplete");
    services.supervisor.flow_record(connection.grant.flow,
                                    flow_draft(connection.grant, connection.host, "refused", "request_incomplete"));
    co_return ExchangeEnd::over;
  }
  StageClock clock(services.tally);

  std::expected<provider::Prompt, Unread> prompt =
      read.end == ReadEnd::complete    ? read_prompt(connection)
      : read.end == ReadEnd::malformed ? std::unexpected(Unread{"malformed_http"})
                                       : std::unexpected(Unread{std::string(provider::name(read.why))});
  const provider::Prompt empty;
  const provider::Prompt& known = prompt ? *prompt : empty;
  request_facts(*connection.service, known, request.body.size(), connection.facts);
  time_facts(wall_us(), connection.facts);
  if (!record.credential().fingerprint.empty())
    connection.facts.set("destination.credential", record.credential().fingerprint);
  else
    connection.facts.set("destination.credential", policy::Absent{});
  clock.done(Stage::parse);

  Decided decided;
  if (prompt) {
    to_segments(*prompt, request.head(), *connection.service, connection.segments);
    const classify::Report& report = services.scanner.scan(connection.segments);
    clock.done(Stage::classify);
    decided = decide(connection, report);
    record.classified(report, connection.segments);
  } else {
    connection.facts.data.clear();
    connection.facts.data_status = policy::DataStatus::skipped;
    decided.verdict = policy::decide_unreadable(*services.policy, connection.facts, prompt.error().reason);
    record.not_classified();
    // What is not HTTP cannot be passed on, whatever policy says of unreadable bodies.
    if (read.end != ReadEnd::complete) decided.verdict.action = policy::Action::block;
  }
  clock.done(Stage::decide);
  record.decided(known, decided.verdict, decided.edits, clock.total_us());

  const RecordResult recorded = co_await services.supervisor.record(connection.grant.flow, record.decision());
  clock.done(Stage::record);
  if (recorded != RecordResult::durable) {
    co_await refuse(connection, recorder_refusal(recorded, record.req()), read.connection_usable);
    co_return ExchangeEnd::over;
  }
  count(services.tally, decided.verdict, connection.service->provider);
  if (decided.verdict.action == policy::Action::block) {
    provider::Refusal refusal = policy_refusal(decided.verdict, record.req());
    if (read.why == provider::Unreadable::upgrade && read.end == ReadEnd::unreadable) refusal.status = 426;
    clock.total();
    const bool usable = co_await refuse(connection, refusal, read.connection_usable);
    services.supervisor.outcome(connection.grant.flow, record.blocked(refusal.status));
    co_return usable ? ExchangeEnd::next : ExchangeEnd::over;
  }

  const Sendable sendable(request, decided.edits, decided.edited_body);
  const auto reached = co_await reach_provider(connection, record.credential().fingerprint);
  clock.done(Stage::connect);
  clock.total();
  if (!reached) {
    co_await refuse(connection, provider_refusal(reached.error(), record.req()), true);
    services.supervisor.outcome(connection.grant.flow, record.failed(reached.error()));
    co_return ExchangeEnd::over;
  }
  const provider::Dialect* dialect = provider::find_dialect(connection.service->dialect);
  const Answer answer = co_await relay(connection.client.stream, *connection.provider, request, sendable.outgoing, dialect);
  services.supervisor.outcome(connection.grant.flow, record.answered(answer));
  keep_or_drop_provider(connection, answer.provider_reusable);
  if (answer.end == AnswerEnd::provider_error && answer.received_bytes == 0) {
    // Nothing of an answer was passed on, so the application can be told in its own terms.
    co_await refuse(connection, provider_refusal({tls::StreamError::closed, answer.error}, record.req()), true);
    co_return ExchangeEnd::over;
  }
  if (answer.end != AnswerEnd::complete) co_return ExchangeEnd::cut;
  co_return answer.client_reusable ? ExchangeEnd::next : ExchangeEnd::over;
}

}  // namespace warden::pipeline
