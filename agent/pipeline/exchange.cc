// SPDX-License-Identifier: Apache-2.0
// The story of one exchange. Each step is one call into the folder that knows how; this file only knows the order, and what a
// failure of each step means. The order is the product's first promise: nothing is forwarded before it is recorded.
#include "agent/pipeline/exchange.h"

#include <expected>

#include "agent/base/clock.h"
#include "agent/base/uuid.h"
#include "agent/pipeline/joints.h"
#include "agent/pipeline/judgement.h"
#include "agent/pipeline/records.h"
#include "agent/pipeline/refusal.h"

namespace warden::pipeline {
namespace asio = boost::asio;

namespace {

constexpr size_t kSegmentsKept = 1024;  // by an idle connection, of memory for them

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

// From here on only the body's bytes are needed. What was made of them to judge them can be many times as large, and the wait for
// the log, the provider and the next request is long.
void forget(Connection& connection, std::expected<provider::Prompt, Unread>& prompt, Decided& decided) {
  if (prompt && !prompt->tools.empty()) connection.facts.set("request.tools", policy::Absent{});
  if (prompt) *prompt = {};
  if (connection.segments.capacity() > kSegmentsKept) connection.segments = {};
  if (connection.row_of.capacity() > kSegmentsKept) connection.row_of = {};
  decided.edits = {};
}

}  // namespace

asio::awaitable<ExchangeEnd> run_exchange(Connection& connection, Carrier& carrier) {
  Services& services = connection.services;
  const ReadResult read = co_await carrier.read();
  if (read.end == ReadEnd::closed) co_return ExchangeEnd::over;
  Request& request = carrier.request();
  ExchangeRecord record(connection, request, uuid7());
  if (read.end == ReadEnd::broken) {
    services.tally.count("not_evaluated_total|request_incomplete");
    services.supervisor.flow_record(connection.grant.flow,
                                    flow_draft(connection.grant, connection.host, "refused", "request_incomplete"));
    co_return ExchangeEnd::over;
  }
  StageClock clock(services.tally);

  std::expected<provider::Prompt, Unread> prompt =
      read.end == ReadEnd::complete ? read_prompt(connection, request) : std::unexpected(Unread{std::string(reason(read))});
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
    decided = judge(connection, request, report);
    record.classified(report, connection.segments);
  } else {
    decided = judge_unread(connection, prompt.error());
    record.not_classified();
    // What is not HTTP cannot be passed on, whatever policy says of unreadable bodies.
    if (read.end != ReadEnd::complete) decided.verdict.action = policy::Action::block;
  }
  clock.done(Stage::decide);
  record.decided(known, decided.verdict, decided.edits, clock.total_us());
  forget(connection, prompt, decided);

  const RecordResult recorded = co_await services.supervisor.record(connection.grant.flow, record.decision());
  clock.done(Stage::record);
  if (recorded != RecordResult::durable) {
    co_await carrier.refuse(recorder_refusal(recorded, record.req()), read.connection_usable);
    co_return ExchangeEnd::over;
  }
  count_decision(services.tally, decided.verdict, connection.service->provider);
  if (decided.verdict.action == policy::Action::block) {
    provider::Refusal refusal = policy_refusal(decided.verdict, record.req());
    if (read.status != 0) refusal.status = read.status;
    clock.total();
    const bool usable = co_await carrier.refuse(refusal, read.connection_usable);
    services.supervisor.outcome(connection.grant.flow, record.blocked(refusal.status));
    co_return usable ? ExchangeEnd::next : ExchangeEnd::over;
  }

  Sendable sendable(request, decided.edited_body);
  const auto reached = co_await carrier.reach(record.credential().fingerprint);
  clock.done(Stage::connect);
  clock.total();
  if (!reached && reached.error().code == tls::StreamError::cancelled) {
    services.supervisor.outcome(connection.grant.flow, record.left());
    co_return ExchangeEnd::cut;
  }
  if (!reached) {
    co_await carrier.refuse(provider_refusal(reached.error(), record.req()), true);
    services.supervisor.outcome(connection.grant.flow, record.failed(reached.error()));
    co_return ExchangeEnd::over;
  }
  const provider::Dialect* dialect = provider::find_dialect(connection.service->dialect);
  const Answer answer = co_await carrier.relay(sendable, dialect);
  services.supervisor.outcome(connection.grant.flow, record.answered(answer));
  if (answer.end == AnswerEnd::provider_error && !answer.told) {
    // The application can be told in its own terms.
    const Error<tls::StreamError> gone(tls::StreamError::closed, answer.error);  // g++ 12 frees a temporary within co_await twice
    co_await carrier.refuse(provider_refusal(gone, record.req()), true);
    co_return ExchangeEnd::over;
  }
  if (answer.end != AnswerEnd::complete) co_return ExchangeEnd::cut;
  co_return answer.client_reusable ? ExchangeEnd::next : ExchangeEnd::over;
}

}  // namespace warden::pipeline
