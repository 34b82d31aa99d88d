// SPDX-License-Identifier: Apache-2.0
// The index, written. Questions are in index_read.cc.
#include "audit/collector/index.h"

#include <fcntl.h>

#include <cerrno>
#include <cstring>

#include "agent/base/fd.h"
#include "audit/collector/row.h"

namespace warden::audit {
namespace {

constexpr char kIndexTables[] = R"(
CREATE TABLE IF NOT EXISTS progress(origin TEXT PRIMARY KEY, next INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS records(
  id INTEGER PRIMARY KEY, origin TEXT NOT NULL, seq INTEGER NOT NULL,
  time TEXT, kind TEXT, req TEXT, host TEXT, uid TEXT, who TEXT, process TEXT, unit TEXT, provider TEXT,
  net_host TEXT, model TEXT, verdict TEXT, reason TEXT, capture TEXT, leaf TEXT NOT NULL,
  user_name TEXT, login_name TEXT, host_name TEXT, exe TEXT, comm TEXT, person TEXT,  -- disclosed
  UNIQUE(origin, seq));
CREATE INDEX IF NOT EXISTS records_time ON records(time);
CREATE INDEX IF NOT EXISTS records_req ON records(req) WHERE req <> '';
CREATE INDEX IF NOT EXISTS records_kind ON records(host, kind);
CREATE INDEX IF NOT EXISTS records_verdict ON records(verdict, time) WHERE verdict <> '';
CREATE TABLE IF NOT EXISTS tags(
  type TEXT NOT NULL, value TEXT NOT NULL, record INTEGER NOT NULL, PRIMARY KEY(type, value, record)) WITHOUT ROWID;
PRAGMA user_version = 1;
)";

}  // namespace

Result<std::unique_ptr<Index>, StoreError> Index::open(const std::string& path) {
  const Fd made(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!made) return fail(StoreError::cannot_open, path + ": " + std::strerror(errno));
  auto writing = Database::open(path, Database::Mode::read_write);
  if (!writing) return std::unexpected(writing.error());
  for (const char* sql : {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", kIndexTables})
    if (auto done = writing->run(sql); !done) return std::unexpected(done.error());
  auto reading = Database::open(path, Database::Mode::read_only);
  if (!reading) return std::unexpected(reading.error());
  std::unique_ptr<Index> index(new Index(std::move(*writing), std::move(*reading)));
  if (auto ready = index->prepare(); !ready) return std::unexpected(ready.error());
  return index;
}

Result<void, StoreError> Index::prepare() {
  const std::pair<Statement*, const char*> all[] = {
      {&sql_.begin, "BEGIN IMMEDIATE"},
      {&sql_.commit, "COMMIT"},
      {&sql_.rollback, "ROLLBACK"},
      {&sql_.next, "SELECT next FROM progress WHERE origin = ?"},
      {&sql_.set_next,
       "INSERT INTO progress(origin, next) VALUES(?, ?) ON CONFLICT(origin) DO UPDATE SET next = "
       "excluded.next"},
      {&sql_.record,
       "INSERT INTO records(origin, seq, time, kind, req, host, uid, who, process, unit, provider, net_host, "
       "model, "
       "verdict, reason, capture, leaf) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING "
       "id"},
      {&sql_.tag, "INSERT OR IGNORE INTO tags(type, value, record) VALUES(?, ?, ?)"},
      {&sql_.leaf, "SELECT leaf FROM records WHERE origin = ? AND seq = ?"},
      {&sql_.name,
       "UPDATE records SET user_name = ?, login_name = ?, host_name = ?, exe = ?, comm = ?, person = ? WHERE "
       "origin "
       "= ? AND seq = ?"},
  };
  for (const auto& [statement, sql] : all) {
    auto prepared = writing_.prepare(sql);
    if (!prepared) return std::unexpected(prepared.error());
    *statement = std::move(*prepared);
  }
  return {};
}

Result<uint64_t, StoreError> Index::next_of(std::string_view origin) {
  const auto found = sql_.next.bind_text(origin).step();
  if (!found) return std::unexpected(found.error());
  const uint64_t next = *found ? sql_.next.integer(0) : 0;
  sql_.next.reset();
  return next;
}

Result<void, StoreError> Index::catch_up(Ledger& ledger, const std::string& origin) {
  const std::lock_guard lock(writer_mutex_);
  for (;;) {
    const auto state = ledger.find(origin);
    auto next = next_of(origin);
    if (!next) return std::unexpected(next.error());
    if (!state || *next >= state->held) return {};
    const uint64_t end = std::min((*next / chain::kTileWidth + 1) * chain::kTileWidth, state->held);
    const auto leaves = ledger.entries(*state, *next, end);
    if (!leaves) return std::unexpected(leaves.error());
    if (auto begun = sql_.begin.run(); !begun) return begun;
    Result<void, StoreError> done;
    for (size_t i = 0; done && i < leaves->size(); ++i) {
      const uint64_t seq = *next + i;
      done = insert(origin, seq, (*leaves)[i]);
      const std::string disclosures = done ? ledger.disclosures(*state, seq) : std::string();
      if (!disclosures.empty()) done = set_names(origin, seq, (*leaves)[i], disclosures);
    }
    if (done) done = sql_.set_next.bind_text(origin).bind(end).run();
    if (done) done = sql_.commit.run();
    if (!done) {
      static_cast<void>(sql_.rollback.run());
      return done;
    }
  }
}

Result<void, StoreError> Index::insert(std::string_view origin, uint64_t seq, std::string_view leaf) {
  const IndexRow row = index_row(leaf);
  sql_.record.bind_text(origin).bind(seq);
  for (const std::string* text :
       {&row.time, &row.kind, &row.req, &row.host, &row.uid, &row.who, &row.process, &row.unit, &row.provider,
        &row.net_host, &row.model, &row.verdict, &row.reason, &row.capture})
    sql_.record.bind_text(*text);
  const auto made = sql_.record.bind_text(leaf).step();
  if (!made) return std::unexpected(made.error());
  const uint64_t id = sql_.record.integer(0);
  // RETURNING gives its row before the statement is done.
  auto done = sql_.record.run();
  for (const std::string& name : row.classes)
    if (done) done = sql_.tag.bind_text("class").bind_text(name).bind(id).run();
  for (const std::string& name : row.rules)
    if (done) done = sql_.tag.bind_text("rule").bind_text(name).bind(id).run();
  return done;
}

Result<void, StoreError> Index::set_names(std::string_view origin, uint64_t seq, std::string_view leaf,
                                          std::string_view disclosures) {
  const auto names = disclosed_names(leaf, disclosures);
  const auto name = [&](const char* path) {
    const auto found = names.find(path);
    return found == names.end() ? std::string_view() : std::string_view(found->second);
  };
  for (const char* path :
       {"user.name", "user.login_name", "host.name", "proc.exe", "proc.comm", "who.person"})
    sql_.name.bind_text(name(path));
  return sql_.name.bind_text(origin).bind(seq).run();
}

Result<void, StoreError> Index::disclose(const OriginState& origin, const DisclosuresRequest& request) {
  const std::lock_guard lock(writer_mutex_);
  if (auto begun = sql_.begin.run(); !begun) return begun;
  Result<void, StoreError> done;
  for (const auto& item : request.items) {
    const auto found = sql_.leaf.bind_text(origin.origin).bind(item.seq).step();
    if (!found) done = std::unexpected(found.error());
    if (!done) break;
    if (!*found) continue;  // not indexed yet: catch_up() will have it
    const std::string leaf(sql_.leaf.bytes(0));
    sql_.leaf.reset();
    done = set_names(origin.origin, item.seq, leaf, item.text);
    if (!done) break;
  }
  if (done) done = sql_.commit.run();
  if (!done) static_cast<void>(sql_.rollback.run());
  return done;
}

}  // namespace warden::audit
