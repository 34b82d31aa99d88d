// SPDX-License-Identifier: Apache-2.0
// The question of GET /api/v1/records, from a request target. Strict: unknown, repeated or malformed
// parameters are errors with a sentence, so that a misspelt filter never shows too much.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "agent/base/result.h"

namespace warden::audit {

enum class QueryError { malformed };

struct Query {
  std::string since, until;  // in the form of a record's `time`; since <= time < until
  std::string host, user, process, provider, model, verdict, klass, rule, kind, q;
  unsigned limit = 100;
  std::optional<std::pair<std::string, uint64_t>> after;  // the last record of the page before

  // `text`: what follows the question mark. `now_us` for ages such as 15m.
  static Result<Query, QueryError> parse(std::string_view text, int64_t now_us);
};

std::string format_cursor(std::string_view time, uint64_t id);
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);
// 2026-11-23, 2026-11-23T10:00:00Z, with a fraction, or an age (30s 15m 2h 7d), to microseconds and Z.
std::optional<std::string> normal_time(std::string_view text, int64_t now_us);

}  // namespace warden::audit
