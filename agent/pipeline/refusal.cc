// SPDX-License-Identifier: Apache-2.0
#include "agent/pipeline/refusal.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace warden::pipeline {
namespace {

bool is_own_fault(std::string_view reason) {
  static constexpr std::array<std::string_view, 4> kOwn = {"classifier_error", "scan_budget", "body_budget", "body_spool"};
  return std::ranges::any_of(kOwn, [reason](std::string_view word) { return reason.ends_with(word); });
}

}  // namespace

provider::Refusal policy_refusal(const policy::Verdict& verdict, const std::string& req) {
  provider::Refusal refusal;
  refusal.request_id = req;
  if (verdict.outcome == policy::Outcome::not_evaluated) {
    refusal.status = is_own_fault(verdict.reason) ? 503 : 400;
    refusal.code = "not_evaluated";
    refusal.message = "Egresswarden could not evaluate this request (" + verdict.reason + "), so it was not sent.";
  } else if (!verdict.deciding.empty()) {
    refusal.message = "Blocked by policy rule '" + verdict.deciding + "'.";
    if (!verdict.message.empty()) refusal.message += " " + verdict.message;
    if (verdict.reason == "not_editable") refusal.message += " (The data stands where it cannot be redacted.)";
  } else {
    refusal.message = "Blocked by policy: " + verdict.reason + ".";
  }
  refusal.message += " Reference: " + req;
  return refusal;
}

provider::Refusal recorder_refusal(RecordResult result, const std::string& req) {
  const std::string_view why = result == RecordResult::spool_full ? "the audit spool is full"
                               : result == RecordResult::overloaded ? "the audit log is overloaded"
                                                                    : "the audit log cannot be written";
  return {503, "agent_unavailable",
          "Egresswarden could not record this request (" + std::string(why) + "), so it was not sent. Reference: " + req, req};
}

provider::Refusal provider_refusal(const Error<tls::StreamError>& error, const std::string& req) {
  const bool certificate = error.code == tls::StreamError::bad_certificate;
  return {502, certificate ? "provider_certificate_invalid" : "provider_unreachable",
          (certificate ? "The provider's certificate was refused: " : "The provider could not be reached: ") + error.detail +
              ". Reference: " + req,
          req};
}

std::string error_body(const provider::Service& service, const provider::Refusal& refusal) {
  const provider::Dialect* dialect = provider::find_dialect(service.dialect);
  if (dialect == nullptr) dialect = provider::find_dialect("openai");
  return dialect->error_body(refusal);
}

}  // namespace warden::pipeline
