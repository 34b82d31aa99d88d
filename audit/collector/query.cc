// SPDX-License-Identifier: Apache-2.0
#include "audit/collector/query.h"

#include <set>

#include "agent/base/bytes.h"
#include "agent/base/clock.h"
#include "audit/chain/checkpoint.h"
#include "audit/chain/utf8.h"

namespace warden::audit {
namespace {

constexpr unsigned kLimitMax = 1000;
constexpr size_t kValueBytesMax = 512;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::optional<std::pair<std::string, uint64_t>> parse_cursor(std::string_view text) {
  const auto plain = from_base64url(text);
  const size_t space = plain ? plain->find(' ') : std::string::npos;
  if (space == std::string::npos) return std::nullopt;
  auto time = normal_time(std::string_view(*plain).substr(0, space), 0);
  const auto id = chain::parse_decimal(std::string_view(*plain).substr(space + 1));
  if (!time || !id || *id > INT64_MAX) return std::nullopt;
  return std::pair(std::move(*time), *id);
}

std::unexpected<Error<QueryError>> bad(std::string_view name, const char* want) {
  return fail(QueryError::malformed, std::string(name) + ": " + want);
}

Result<void, QueryError> set(Query& query, std::string_view name, const std::string& value, int64_t now_us) {
  const std::pair<std::string_view, std::string*> texts[] = {
      {"host", &query.host},       {"user", &query.user},
      {"process", &query.process}, {"provider", &query.provider},
      {"model", &query.model},     {"verdict", &query.verdict},
      {"class", &query.klass},     {"rule", &query.rule},
      {"kind", &query.kind},       {"q", &query.q}};
  for (const auto& [known, text] : texts)
    if (name == known) {
      *text = value;
      return {};
    }
  if (name == "since" || name == "until") {
    auto time = normal_time(value, now_us);
    if (!time) return bad(name, "want 2026-11-23T10:00:00Z, 2026-11-23 or an age such as 15m");
    (name == "since" ? query.since : query.until) = std::move(*time);
  } else if (name == "limit") {
    const auto limit = chain::parse_decimal(value);
    if (!limit || *limit == 0 || *limit > kLimitMax) return bad(name, "want 1 to 1000");
    query.limit = static_cast<unsigned>(*limit);
  } else if (name == "cursor") {
    query.after = parse_cursor(value);
    if (!query.after) return bad(name, "want the `next` of the page before");
  } else {
    return fail(
        QueryError::malformed,
        "no such parameter; there are since, until, host, user, process, provider, model, verdict, class, "
        "rule, kind, q, limit and cursor");
  }
  return {};
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high << 4 | low);
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    if (static_cast<uint8_t>(c) < 0x20 || c == 0x7f) return std::nullopt;
    plain += c;
  }
  return chain::is_utf8(plain) ? std::optional(std::move(plain)) : std::nullopt;
}

std::optional<std::string> normal_time(std::string_view text, int64_t now_us) {
  constexpr std::string_view kForm = "0000-00-00T00:00:00.000000Z";
  if (text.find('-') == std::string_view::npos) {
    if (text.size() < 2 || text.size() > 8 || !digits(text.substr(0, text.size() - 1))) return std::nullopt;
    const size_t unit = std::string_view("smhd").find(text.back());
    if (unit == std::string_view::npos) return std::nullopt;
    constexpr int64_t kSeconds[] = {1, 60, 3600, 86400};
    int64_t count = 0;
    for (const char c : text.substr(0, text.size() - 1)) count = count * 10 + (c - '0');
    return rfc3339(std::max<int64_t>(0, now_us - count * kSeconds[unit] * 1'000'000));
  }
  std::string time(text);
  if (time.size() == 10) time += "T00:00:00Z";
  if (time.size() < 20 || time.back() != 'Z') return std::nullopt;
  time.pop_back();
  if (time.size() == 19) time += '.';
  if (time.size() > 26 || (time.size() == 20 && text.find('.') != std::string_view::npos))
    return std::nullopt;
  time.append(26 - time.size(), '0');
  time += 'Z';
  for (size_t i = 0; i < kForm.size(); ++i)
    if (kForm[i] == '0' ? (time[i] < '0' || time[i] > '9') : time[i] != kForm[i]) return std::nullopt;
  return time;
}

std::string format_cursor(std::string_view time, uint64_t id) {
  return base64url(std::string(time) + ' ' + std::to_string(id));
}

Result<Query, QueryError> Query::parse(std::string_view text, int64_t now_us) {
  Query query;
  std::set<std::string, std::less<>> seen;
  while (!text.empty()) {
    const size_t end = std::min(text.find('&'), text.size());
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const size_t equals = part.find('=');
    if (equals == std::string_view::npos) return fail(QueryError::malformed, "want name=value&name=value");
    const auto name = percent_decode(part.substr(0, equals), true),
               value = percent_decode(part.substr(equals + 1), true);
    if (!name || !value || name->size() > 32 || value->size() > kValueBytesMax)
      return fail(QueryError::malformed, "a parameter is too long, not UTF-8 or badly escaped");
    if (!seen.insert(*name).second) return fail(QueryError::malformed, "a parameter stands twice");
    if (value->empty()) continue;  // as forms send what was not filled in
    if (auto done = set(query, *name, *value, now_us); !done) return std::unexpected(done.error());
  }
  return query;
}

}  // namespace warden::audit
