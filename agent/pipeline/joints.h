// SPDX-License-Identifier: Apache-2.0
// Joints: the few pure functions where two folders' vocabularies meet. Everything here maps one value to another.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/attribution/identity.h"
#include "agent/base/digest.h"
#include "audit/record/draft.h"
#include "policy/classify/finding.h"
#include "policy/classify/redact.h"
#include "policy/classify/segment.h"
#include "policy/decide/facts.h"
#include "policy/decide/verdict.h"
#include "tlsproxy/http/coding.h"
#include "tlsproxy/http/parser.h"
#include "tlsproxy/provider/catalogue.h"
#include "tlsproxy/provider/prompt.h"

namespace warden::pipeline {

// provider → classify. Path, query and headers come first, without the credential.
void to_segments(const provider::Prompt& prompt, const http::Head& head, const provider::Service& service,
                 std::vector<classify::Segment>& out);
std::string_view where_name(classify::Where where);

// attribution → policy: once per connection.
void identity_facts(const attribution::Identity& identity, policy::Facts& facts);
// provider → policy: once per request, over the last request's.
void request_facts(const provider::Service& service, const provider::Prompt& prompt, uint64_t body_bytes,
                   policy::Facts& facts);
// The clock's part (UTC), since policy itself has none.
void time_facts(int64_t wall_us, policy::Facts& facts);
// classify → policy: findings that policy cannot tell apart become one row. `row_of[i]` is finding i's row.
void data_facts(const classify::Report& report, std::span<const classify::Segment> segments, policy::Facts& facts,
                std::vector<size_t>& row_of);

// attribution → audit: the part of a record that only the supervisor may set.
void identity_fields(const attribution::Identity& identity, audit::Draft& draft);

// The application's credential: kind and keyed fingerprint, never the credential itself.
struct Credential {
  std::string kind = "none";  // "bearer", "api_key", "none"
  std::string fingerprint;  // 16 hex digits
};
Credential credential(const http::Head& head, const provider::Service& service, const HmacSha256& key);

// A Host field (or absolute target) that names the service the connection is for, as it must on a terminated connection.
bool names_host(const http::Head& head, std::string_view host, uint16_t port);

// The body with the edits made, in spans: segments point into `body`. False: the sink took no more.
bool apply_edits(std::string_view body, std::span<const classify::Segment> segments,
                 std::span<const classify::Edit> edits, const http::Sink& sink);
// The request's head with the body's new length; everything else byte for byte.
std::string edited_head(const http::Head& head, size_t body_bytes);

}  // namespace warden::pipeline
