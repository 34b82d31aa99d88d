// SPDX-License-Identifier: Apache-2.0
// Questions to the index. Every value that comes from outside is bound, never part of the SQL.
#include "agent/base/clock.h"
#include "audit/collector/index.h"
#include "audit/record/json.h"

namespace warden::audit {
namespace {

constexpr const char* kNamePaths[] = {"user.name", "user.login_name", "host.name",
                                      "proc.exe",  "proc.comm",       "who.person"};
constexpr unsigned kExchangeMax = 100;

std::string quoted(std::string_view text) {
  std::string json;
  append_string(json, text);
  return json;
}

}  // namespace

Result<std::vector<IndexedRecord>, StoreError> Index::select(const std::string& where,
                                                             const std::vector<std::string>& texts,
                                                             uint64_t id_below, unsigned limit) {
  const std::lock_guard lock(reader_mutex_);
  const std::string sql =
      "SELECT id, seq, time, origin, leaf, user_name, login_name, host_name, exe, comm, person FROM records" +
      where + " ORDER BY time DESC, id DESC LIMIT " + std::to_string(limit);
  auto query = reading_.prepare(sql.c_str());
  if (!query) return std::unexpected(query.error());
  for (const std::string& text : texts) query->bind_text(text);
  if (id_below != 0) query->bind(id_below);
  std::vector<IndexedRecord> found;
  for (;;) {
    const auto row = query->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return found;
    IndexedRecord record{query->integer(0),
                         query->integer(1),
                         std::string(query->bytes(2)),
                         std::string(query->bytes(3)),
                         std::string(query->bytes(4)),
                         {}};
    for (int i = 0; i < 6; ++i)
      if (const auto name = query->bytes(5 + i); !name.empty()) record.disclosed[kNamePaths[i]] = name;
    found.push_back(std::move(record));
  }
}

Result<std::vector<IndexedRecord>, StoreError> Index::records(const Query& query) {
  std::string where;
  std::vector<std::string> texts;
  const auto add = [&](const std::string& value, const char* condition, int times) {
    if (value.empty()) return;
    where += (where.empty() ? " WHERE (" : " AND (") + std::string(condition) + ')';
    for (int i = 0; i < times; ++i) texts.push_back(value);
  };
  add(query.since, "time >= ?", 1);
  add(query.until, "time < ?", 1);
  add(query.kind, "kind = ?", 1);
  add(query.host, "host = ? OR host_name = ?", 2);
  add(query.user, "uid = ? OR user_name = ? OR login_name = ? OR who = ? OR person = ?", 5);
  add(query.process, "process = ? OR comm = ? OR exe = ?", 3);
  add(query.provider, "provider = ?", 1);
  add(query.model, "model = ?", 1);
  add(query.verdict, "verdict = ?", 1);
  add(query.klass, "id IN (SELECT record FROM tags WHERE type = 'class' AND value = ?)", 1);
  add(query.rule, "id IN (SELECT record FROM tags WHERE type = 'rule' AND value = ?)", 1);
  add(query.q,
      "instr(leaf, ?) > 0 OR instr(user_name, ?) > 0 OR instr(exe, ?) > 0 OR instr(host_name, ?) > 0", 4);
  // Last, since its number is bound after the texts.
  if (query.after) add(query.after->first, "(time, id) < (?, ?)", 1);
  return select(where, texts, query.after ? query.after->second : 0, query.limit);
}

Result<std::vector<IndexedRecord>, StoreError> Index::exchange(std::string_view req) {
  return select(" WHERE req = ?", {std::string(req)}, 0, kExchangeMax);
}

Result<std::vector<JsonRow>, StoreError> Index::rows(const char* sql, const std::vector<const char*>& names) {
  const std::lock_guard lock(reader_mutex_);
  auto query = reading_.prepare(sql);
  if (!query) return std::unexpected(query.error());
  std::vector<JsonRow> all;
  for (;;) {
    const auto row = query->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return all;
    JsonRow made;
    for (size_t i = 0; i < names.size(); ++i) {
      // A name that begins with '#' is a number, with '{' JSON already.
      const int column = static_cast<int>(i);
      const std::string_view name = names[i];
      if (name.front() == '#')
        made.emplace_back(name.substr(1), std::to_string(query->integer(column)));
      else if (name.front() == '{')
        made.emplace_back(name.substr(1), query->bytes(column));
      else
        made.emplace_back(name, quoted(query->bytes(column)));
    }
    all.push_back(std::move(made));
  }
}

Result<std::vector<JsonRow>, StoreError> Index::inventory() {
  return rows(
      "SELECT host, max(host_name), uid, max(user_name), process, max(exe), unit, provider, net_host, model, "
      "capture, count(*), sum(verdict = 'allow'), sum(verdict = 'redact'), sum(verdict = 'block'), "
      "sum(verdict = "
      "'not_evaluated'), min(time), max(time) FROM records WHERE kind IN ('decision', 'flow') GROUP BY host, "
      "uid, "
      "process, unit, provider, net_host, model, capture ORDER BY count(*) DESC LIMIT 5000",
      {"host", "host_name", "uid", "user", "process", "exe", "unit", "provider", "net_host", "model",
       "capture", "#records", "#allow", "#redact", "#block", "#not_evaluated", "first", "last"});
}

Result<std::vector<JsonRow>, StoreError> Index::coverage() {
  return rows(
      "SELECT host, max(host_name), sum(kind = 'decision'), sum(verdict = 'not_evaluated'), sum(kind = "
      "'outcome'), "
      "sum(kind = 'flow'), sum(kind = 'flow' AND capture = 'observed'), sum(kind = 'flow' AND capture = "
      "'refused'), "
      "sum(kind = 'flow' AND capture = 'spliced'), sum(kind = 'gap'), sum(kind = 'start'), sum(kind = "
      "'heartbeat'), "
      "max(time), coalesce((SELECT leaf FROM records h WHERE h.host = r.host AND h.kind = 'heartbeat' ORDER "
      "BY h.time "
      "DESC LIMIT 1), 'null') FROM records r GROUP BY host ORDER BY host LIMIT 50000",
      {"host", "host_name", "#decisions", "#not_evaluated", "#outcomes", "#flows", "#observed", "#refused",
       "#spliced", "#gaps", "#starts", "#heartbeats", "last_record", "{last_heartbeat"});
}

Result<std::vector<JsonRow>, StoreError> Index::hosts() {
  return rows(
      "SELECT host, max(host_name), count(*), min(time), max(time) FROM records GROUP BY host ORDER BY host "
      "LIMIT "
      "50000",
      {"host", "host_name", "#records", "first", "last"});
}

}  // namespace warden::audit
