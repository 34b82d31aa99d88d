// SPDX-License-Identifier: Apache-2.0
// Judgement: the two middle steps of an exchange: the request as its dialect reads it, and the verdict on what was found in it.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "agent/pipeline/connection.h"
#include "agent/pipeline/records.h"
#include "policy/classify/redact.h"
#include "policy/decide/verdict.h"
#include "tlsproxy/provider/dialect.h"

namespace warden::pipeline {

// A host that is not the connection's own is as unreadable as an unknown shape.
std::expected<provider::Prompt, Unread> read_prompt(const Connection& connection, const Request& request);

struct Decided {
  policy::Verdict verdict;
  std::vector<classify::Edit> edits;
  std::optional<BodyBuffer> edited_body;  // as it is to be sent, in the coding that it came in
};

// Where policy says redact but the text may not be edited, the answer is block.
Decided judge(Connection& connection, const Request& request, const classify::Report& report);
Decided judge_unread(Connection& connection, const Unread& unread);

}  // namespace warden::pipeline
