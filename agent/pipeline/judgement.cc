// SPDX-License-Identifier: Apache-2.0
#include "agent/pipeline/judgement.h"

#include <algorithm>

#include "agent/pipeline/joints.h"

namespace warden::pipeline {
namespace {

constexpr size_t kTokenBytes = 16;  // about what an edit adds

// On plain HTTP applications also name the address itself.
bool names_service(const http::Head& head, const Connection& connection) {
  const Endpoint& original = connection.grant.original;
  return names_host(head, connection.host, original.port) ||
         (!connection.service->tls && names_host(head, original.ip(), original.port));
}

// Into `out`, in the coding that the request came in.
BodyFault edit_body(const Connection& connection, std::span<const classify::Edit> edits, BodyBuffer& out) {
  const Request& request = connection.request;
  const auto into = [](BodyBuffer& buffer) {
    return [&buffer](std::string_view bytes) { return buffer.append(bytes); };
  };
  BodyBuffer plain(connection.services.bodies);
  BodyBuffer& first = request.coding == http::Coding::identity ? out : plain;
  first.expect(request.body.size() + edits.size() * kTokenBytes);
  if (!apply_edits(request.body, connection.segments, edits, into(first))) return first.fault();
  if (request.coding != http::Coding::identity) (void)http::encode(request.coding, plain.view(), into(out));
  return out.fault();
}

// Policy may let pass what cannot be read; what it wants edited never goes as it is.
Decided no_room_to_edit(const Connection& connection, BodyFault fault) {
  Decided decided;
  decided.verdict = policy::decide_unreadable(*connection.services.policy, connection.facts, name(fault));
  decided.verdict.action = policy::Action::block;
  return decided;
}

}  // namespace

std::expected<provider::Prompt, Unread> read_prompt(const Connection& connection) {
  const Request& request = connection.request;
  if (!names_service(request.head(), connection)) return std::unexpected(Unread{"host_mismatch"});
  const provider::Dialect* dialect = provider::find_dialect(connection.service->dialect);
  if (dialect == nullptr) return std::unexpected(Unread{"unknown_shape"});
  const std::string type = content_type(request.head());
  const http::Head& head = request.head();
  auto prompt = dialect->read({head.method, request.path(), request.query(), type, head.header("content-type")}, request.body);
  if (!prompt) return std::unexpected(Unread{std::string(provider::name(prompt.error()))});
  if (provider::body_is_signed(head.header("authorization"), request.query())) provider::seal(*prompt);
  return std::move(*prompt);
}

Decided judge(Connection& connection, const classify::Report& report) {
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
  BodyBuffer edited(connection.services.bodies);
  if (const BodyFault fault = edit_body(connection, *edits, edited); fault != BodyFault::none)
    return no_room_to_edit(connection, fault);
  decided.edits = std::move(*edits);
  decided.edited_body = std::move(edited);
  return decided;
}

Decided judge_unread(Connection& connection, const Unread& unread) {
  connection.facts.data.clear();
  connection.facts.data_status = policy::DataStatus::skipped;
  return {policy::decide_unreadable(*connection.services.policy, connection.facts, unread.reason), {}, {}};
}

}  // namespace warden::pipeline
