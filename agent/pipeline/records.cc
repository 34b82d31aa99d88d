// SPDX-License-Identifier: Apache-2.0
#include "agent/pipeline/records.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "agent/base/digest.h"
#include "audit/record/schema.h"

namespace warden::pipeline {
namespace {

using audit::Field;

// What an application writes has a bound in records; the rest of it is in the request's hash.
constexpr size_t kTextBytesMax = 256;
constexpr size_t kToolsMax = 64;

std::string clipped(std::string_view text) { return std::string(text.substr(0, kTextBytesMax)); }

std::string_view status_name(classify::ScanStatus status) {
  switch (status) {
    case classify::ScanStatus::complete: return "complete";
    case classify::ScanStatus::partial: return "partial";
    case classify::ScanStatus::error: return "error";
  }
  return "error";
}

void destination_fields(const Connection& connection, audit::Draft& draft) {
  draft.set(Field::net_host, connection.host);
  draft.set(Field::net_port, int64_t{connection.grant.original.port});
  draft.set(Field::net_tls, std::string(connection.client.stream.is_tls() ? connection.client.stream.version() : "none"));
  draft.set(Field::net_capture, std::string("proxied"));
  draft.set(Field::net_dst, connection.grant.original.to_string());
  if (connection.client.stream.is_tls()) draft.set(Field::net_sni, connection.host);
  if (!connection.client.stream.alpn().empty()) draft.set(Field::net_alpn, std::string(connection.client.stream.alpn()));
  draft.set(Field::llm_provider, connection.service->provider);
  if (!connection.service->dialect.empty()) draft.set(Field::llm_api, connection.service->dialect);
}

// The bundle's digest does not change between reloads; its hex form is kept rather than made anew for each request.
void policy_fields(const policy::Program& program, audit::Draft& draft) {
  thread_local Digest cached{};
  thread_local std::string bundle;
  if (cached != policy::digest(program) || bundle.empty()) {
    cached = policy::digest(program);
    bundle = hex(view(cached));
  }
  draft.set(Field::pol_bundle, bundle);
  draft.set(Field::pol_ver, std::string(policy::version(program)));
  if (!policy::signer(program).empty()) draft.set(Field::pol_signer, std::string(policy::signer(program)));
}

void claim_fields(const provider::Prompt& prompt, audit::Draft& draft) {
  for (const provider::Claim& claim : prompt.claims) {
    if (claim.name == "metadata.user_id")
      draft.set(Field::claim_user_id, clipped(claim.value));
    else
      draft.set(Field::claim_user, clipped(claim.value));
  }
}

std::vector<std::string> finish_words(const std::vector<std::string>& reasons) {
  std::vector<std::string> words;
  for (size_t i = 0; i < std::min(reasons.size(), kToolsMax); ++i) words.push_back(clipped(reasons[i]));
  return words;
}

std::vector<audit::Row> edit_rows(std::span<const classify::Edit> edits) {
  std::map<std::string_view, int64_t> by_class;
  for (const classify::Edit& edit : edits) ++by_class[edit.data_class];
  std::vector<audit::Row> rows;
  for (const auto& [data_class, n] : by_class)
    rows.push_back({{{"class", std::string(data_class)}, {"n", n}}});
  return rows;
}

}  // namespace

ExchangeRecord::ExchangeRecord(const Connection& connection, const Request& request, std::string req)
    : connection_(connection), request_(request), req_(std::move(req)) {
  decision_.set(Field::req, req_);
  destination_fields(connection, decision_);
  if (request.known_head != nullptr)
    credential_ = pipeline::credential(request.head(), *connection.service, connection.services.digest_key);
}

void ExchangeRecord::classified(const classify::Report& report, std::span<const classify::Segment> segments) {
  decision_.set(Field::cls_status, std::string(status_name(report.status)));
  decision_.set(Field::cls_scanned_bytes, static_cast<int64_t>(report.scanned_bytes));
  if (report.findings.empty()) return;
  using Key = std::tuple<std::string_view, std::string_view, std::string_view, std::string_view, int64_t>;
  std::map<Key, int64_t> counts;
  for (const classify::Finding& f : report.findings)
    ++counts[{f.detector, f.data_class, where_name(segments[f.segment].where), classify::tier_name(f.tier), f.confidence}];
  std::vector<audit::Row> rows;
  for (const auto& [key, n] : counts) {
    const auto& [detector, data_class, where, tier, confidence] = key;
    rows.push_back({{{"detector", std::string(detector)},
                     {"class", std::string(data_class)},
                     {"n", n},
                     {"confidence", confidence},
                     {"tier", std::string(tier)},
                     {"where", std::string(where)}}});
  }
  decision_.set(Field::cls_found, std::move(rows));
}

void ExchangeRecord::not_classified() { decision_.set(Field::cls_status, std::string("skipped")); }

void ExchangeRecord::decided(const provider::Prompt& prompt, const policy::Verdict& verdict,
                             std::span<const classify::Edit> edits, int64_t us) {
  const Services& services = connection_.services;
  decision_.set(Field::cred_kind, credential_.kind);
  if (!credential_.fingerprint.empty()) decision_.set(Field::cred_fp, credential_.fingerprint);
  if (!prompt.operation.empty()) decision_.set(Field::llm_op, std::string(prompt.operation));
  if (!prompt.model.empty()) decision_.set(Field::llm_model, clipped(prompt.model));
  decision_.set(Field::llm_stream, prompt.stream);
  if (!prompt.tools.empty()) {
    std::vector<std::string> tools;
    for (size_t i = 0; i < std::min(prompt.tools.size(), kToolsMax); ++i) tools.push_back(clipped(prompt.tools[i]));
    decision_.set(Field::llm_tools, std::move(tools));
  }
  claim_fields(prompt, decision_);
  decision_.set(Field::io_capture, std::string("hash"));
  const auto& declared = request_.head().content_length;
  if (request_.whole && request_.fault == BodyFault::none) {
    decision_.set(Field::io_req_bytes, static_cast<int64_t>(request_.body.size()));
    decision_.set(Field::io_req_hash, hex(view(services.digest_key.of(request_.body))));
  } else if (declared) {
    decision_.set(Field::io_req_bytes, static_cast<int64_t>(*declared));
  }
  decision_.set(Field::cls_ruleset, services.ruleset);
  policy_fields(*services.policy, decision_);
  decision_.set(Field::pol_rules, verdict.rules);
  decision_.set(Field::dec_verdict, std::string(policy::name(verdict.outcome)));
  decision_.set(Field::dec_action, std::string(policy::name(verdict.action)));
  decision_.set(Field::dec_mode, std::string(policy::name(verdict.mode)));
  decision_.set(Field::dec_reason, verdict.reason);
  decision_.set(Field::dec_us, us);
  if (!edits.empty()) decision_.set(Field::dec_edits, edit_rows(edits));
}

audit::Draft ExchangeRecord::outcome(std::string_view end) const {
  audit::Draft draft(audit::Kind::outcome);
  draft.set(Field::req, req_);
  draft.set(Field::out_end, std::string(end));
  return draft;
}

audit::Draft ExchangeRecord::blocked(int status) const {
  audit::Draft draft = outcome("blocked");
  draft.set(Field::out_status, int64_t{status});
  draft.set(Field::io_sent_bytes, int64_t{0});
  return draft;
}

audit::Draft ExchangeRecord::failed(const Error<tls::StreamError>& error) const {
  audit::Draft draft = outcome("provider_error");
  draft.set(Field::out_status, int64_t{502});
  draft.set(Field::out_error, clipped(error.detail));
  draft.set(Field::io_sent_bytes, int64_t{0});
  return draft;
}

audit::Draft ExchangeRecord::left() const {
  audit::Draft draft = outcome(name(AnswerEnd::client_abort));
  draft.set(Field::io_sent_bytes, int64_t{0});
  return draft;
}

audit::Draft ExchangeRecord::answered(const Answer& answer) const {
  audit::Draft draft = outcome(name(answer.end));
  if (answer.status != 0) draft.set(Field::out_status, int64_t{answer.status});
  if (!answer.error.empty()) draft.set(Field::out_error, answer.error);
  draft.set(Field::out_ttfb_us, answer.first_byte_us);
  draft.set(Field::out_dur_us, answer.duration_us);
  draft.set(Field::io_sent_bytes, static_cast<int64_t>(answer.sent_bytes));
  draft.set(Field::io_resp_bytes, static_cast<int64_t>(answer.received_bytes));
  if (!answer.usage.model.empty()) draft.set(Field::llm_model_resp, clipped(answer.usage.model));
  if (answer.usage.tokens_in) draft.set(Field::llm_tok_in, *answer.usage.tokens_in);
  if (answer.usage.tokens_out) draft.set(Field::llm_tok_out, *answer.usage.tokens_out);
  if (answer.usage.tokens_cached) draft.set(Field::llm_tok_cached, *answer.usage.tokens_cached);
  if (!answer.usage.finish.empty()) draft.set(Field::llm_finish, finish_words(answer.usage.finish));
  return draft;
}

void count_decision(Tally& tally, const policy::Verdict& verdict, const std::string& provider) {
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

audit::Draft flow_draft(const FlowGrant& grant, std::string_view host, std::string_view capture, std::string_view reason) {
  audit::Draft draft(audit::Kind::flow);
  draft.set(Field::net_capture, std::string(capture));
  draft.set(Field::net_reason, std::string(reason));
  if (!host.empty()) draft.set(Field::net_host, std::string(host));
  draft.set(Field::net_port, int64_t{grant.original.port});
  draft.set(Field::net_dst, grant.original.to_string());
  return draft;
}

}  // namespace warden::pipeline
