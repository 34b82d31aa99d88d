// SPDX-License-Identifier: Apache-2.0
// ExchangeRecord: collects what the two records of an exchange say, in the order it becomes known. Identity is not here: the
// supervisor adds it from its own knowledge.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "agent/pipeline/answer.h"
#include "agent/pipeline/connection.h"
#include "agent/pipeline/joints.h"
#include "audit/record/draft.h"
#include "policy/classify/redact.h"
#include "policy/decide/verdict.h"

namespace warden::pipeline {

// Why a request could not be evaluated; the `reason` of its record.
struct Unread {
  std::string reason;
};

class ExchangeRecord {
 public:
  ExchangeRecord(const Connection& connection, const Request& request, std::string req);

  void classified(const classify::Report& report, std::span<const classify::Segment> segments);
  void not_classified();
  void decided(const provider::Prompt& prompt, const policy::Verdict& verdict, std::span<const classify::Edit> edits,
               int64_t us);
  [[nodiscard]] const audit::Draft& decision() const { return decision_; }

  // Outcome records.
  [[nodiscard]] audit::Draft blocked(int status) const;
  [[nodiscard]] audit::Draft failed(const Error<tls::StreamError>& error) const;
  [[nodiscard]] audit::Draft left() const;  // the application, before anything was sent
  [[nodiscard]] audit::Draft answered(const Answer& answer) const;

  [[nodiscard]] const std::string& req() const { return req_; }
  [[nodiscard]] const Credential& credential() const { return credential_; }

 private:
  [[nodiscard]] audit::Draft outcome(std::string_view end) const;

  const Connection& connection_;
  const Request& request_;
  std::string req_;
  audit::Draft decision_{audit::Kind::decision};
  Credential credential_;
};

void count_decision(Tally& tally, const policy::Verdict& verdict, const std::string& provider);

// A connection that was not terminated, or whose handshake the application refused.
audit::Draft flow_draft(const FlowGrant& grant, std::string_view host, std::string_view capture, std::string_view reason);

}  // namespace warden::pipeline
