// SPDX-License-Identifier: Apache-2.0
#include "agent/app/report.h"

#include <algorithm>
#include <boost/json.hpp>

#include "audit/record/schema.h"

namespace warden::app {
namespace json = boost::json;
using audit::Field;

namespace {

json::value shipping(const Report& report) {
  const auto ship = report.recorder.shipping();
  if (!ship) return nullptr;
  return {{"url", report.config.audit.collector->url},
          {"state", audit::name(ship->state)},
          {"detail", ship->detail},
          {"epoch", ship->epoch},
          {"cosigned", ship->cosigned},
          {"receipts", ship->receipts},
          {"failures", ship->failures},
          {"stuck_epochs", ship->stuck_epochs}};
}

json::value workers(const Report& report) {
  if (report.workers == nullptr) return nullptr;
  return {{"configured", report.config.workers},
          {"ready", report.workers->ready()},
          {"adopted", report.workers->adopted()},
          {"restarts", report.workers->restarts()}};
}

json::value policy_in_force(const Report& report) {
  if (report.program == nullptr) return nullptr;
  return {{"bundle", policy::bundle_name(*report.program)},
          {"version", policy::version(*report.program)},
          {"digest", hex(view(policy::digest(*report.program)))},
          {"signer", policy::signer(*report.program)}};
}

json::value pods(const Report& report) {
  if (report.pods == nullptr) return nullptr;
  const PodWatchStatus& watch = report.pods->status();
  return {{"state", watch.state},     {"detail", watch.detail},     {"lists", watch.lists},
          {"watches", watch.watches}, {"failures", watch.failures}};
}

}  // namespace

audit::Draft heartbeat(const Report& report, Inventory& inventory) {
  const kernel::Counters kernel = report.guard.counters();
  audit::Draft draft(audit::Kind::heartbeat);
  draft.set(Field::hb_conns, static_cast<int64_t>(kernel.connects_seen));
  draft.set(Field::hb_redirected, static_cast<int64_t>(kernel.redirected));
  draft.set(Field::hb_refused, static_cast<int64_t>(kernel.refused));
  draft.set(Field::hb_spliced, static_cast<int64_t>(report.desk.spliced()));
  draft.set(Field::hb_decided, static_cast<int64_t>(report.desk.decided()));
  draft.set(Field::hb_recorded, static_cast<int64_t>(report.recorder.recorded()));
  draft.set(Field::hb_kernel_dropped, static_cast<int64_t>(kernel.events_dropped));
  const audit::LogStatus log = report.recorder.status();
  draft.set(Field::hb_spool_free,
            static_cast<int64_t>(report.config.audit.spool_bytes_max -
                                 std::min(report.config.audit.spool_bytes_max, log.bytes)));
  inventory.take_added(draft);
  return draft;
}

json::object status(const Report& report) {
  const kernel::Counters kernel = report.guard.counters();
  const audit::LogStatus log = report.recorder.status();
  return {{"version", WARDEN_VERSION},
          {"ready", report.ready},
          {"mode", report.strict_suspended ? "strict, suspended" : mode_name(report.config.intercept)},
          {"mode_means", mode_meaning(report.config.intercept)},
          {"workers", workers(report)},
          {"guard",
           {{"cgroup", report.guarded},
            {"bpffs", report.config.bpffs_dir},
            {"port", report.workers == nullptr ? json::value() : json::value(report.workers->port())},
            {"connects_seen", kernel.connects_seen},
            {"redirected", kernel.redirected},
            {"refused", kernel.refused},
            {"passed", kernel.passed},
            {"dns_learned", kernel.dns_learned},
            {"events_dropped", kernel.events_dropped}}},
          {"policy", policy_in_force(report)},
          {"audit",
           {{"origin", log.origin},
            {"size", log.size},
            {"cosigned", log.cosigned},
            {"bytes", log.bytes},
            {"healthy", log.healthy},
            {"spool_max", report.config.audit.spool_bytes_max}}},
          {"collector", shipping(report)},
          {"flows", report.desk.flows()},
          {"namespaces", report.namespaces == nullptr ? json::value() : json::value(report.namespaces->size())},
          {"passing", report.desk.unknown_flows()},
          {"spliced", report.desk.spliced()},
          {"kubernetes", pods(report)},
          {"decided", report.desk.decided()}};
}

void refresh(Metrics& metrics, const Report& report) {
  const kernel::Counters kernel = report.guard.counters();
  const audit::LogStatus log = report.recorder.status();
  metrics.set("audit_uncosigned_records", static_cast<double>(log.size - std::min(log.size, log.cosigned)));
  metrics.set("spool_bytes", static_cast<double>(log.bytes));
  metrics.set("audit_log_healthy", log.healthy ? 1 : 0);
  metrics.set("kernel_connects_seen", static_cast<double>(kernel.connects_seen));
  metrics.count_up_to("kernel_events_dropped_total", kernel.events_dropped);
  if (report.workers == nullptr) return;
  metrics.count_up_to("worker_restarts_total", report.workers->restarts());
  metrics.set("namespaces_served", static_cast<double>(report.namespaces->size()));
  metrics.set("workers_ready", static_cast<double>(report.workers->ready()));
  metrics.set_only("policy_info|version=" + std::string(policy::version(*report.program)) +
                       "|bundle=" + std::string(policy::bundle_name(*report.program)),
                   1);
}

audit::Draft record_of_stop(std::string reason) {
  audit::Draft draft(audit::Kind::stop);
  draft.set(audit::Field::stop_reason, std::move(reason));
  return draft;
}

}  // namespace warden::app
