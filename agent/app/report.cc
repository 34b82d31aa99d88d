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

}  // namespace

audit::Draft heartbeat(const Report& report) {
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
  return draft;
}

json::object status(const Report& report) {
  const kernel::Counters kernel = report.guard.counters();
  const audit::LogStatus log = report.recorder.status();
  return {{"version", WARDEN_VERSION},
          {"ready", report.ready},
          {"workers",
           {{"configured", report.config.workers},
            {"ready", report.workers.ready()},
            {"adopted", report.workers.adopted()},
            {"restarts", report.workers.restarts()}}},
          {"guard",
           {{"cgroup", report.guarded},
            {"bpffs", report.config.bpffs_dir},
            {"port", report.workers.port()},
            {"connects_seen", kernel.connects_seen},
            {"redirected", kernel.redirected},
            {"refused", kernel.refused},
            {"passed", kernel.passed},
            {"mode", !report.config.intercept.strict ? "learned" : report.strict_suspended ? "strict, suspended" : "strict"},
            {"dns_learned", kernel.dns_learned},
            {"events_dropped", kernel.events_dropped}}},
          {"policy",
           {{"bundle", policy::bundle_name(report.program)},
            {"version", policy::version(report.program)},
            {"digest", hex(view(policy::digest(report.program)))},
            {"signer", policy::signer(report.program)}}},
          {"audit",
           {{"origin", log.origin},
            {"size", log.size},
            {"cosigned", log.cosigned},
            {"bytes", log.bytes},
            {"healthy", log.healthy},
            {"spool_max", report.config.audit.spool_bytes_max}}},
          {"collector", shipping(report)},
          {"flows", report.desk.flows()},
          {"namespaces", report.namespaces.size()},
          {"passing", report.desk.unknown_flows()},
          {"spliced", report.desk.spliced()},
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
  metrics.count_up_to("worker_restarts_total", report.workers.restarts());
  metrics.set("namespaces_served", static_cast<double>(report.namespaces.size()));
  metrics.set("workers_ready", static_cast<double>(report.workers.ready()));
  metrics.set_only("policy_info|version=" + std::string(policy::version(report.program)) +
                       "|bundle=" + std::string(policy::bundle_name(report.program)),
                   1);
}

}  // namespace warden::app
