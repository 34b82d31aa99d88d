// SPDX-License-Identifier: Apache-2.0
#include "audit/store/sqlite.h"

#include <sqlite3.h>

#include "agent/base/check.h"

namespace warden::audit {
namespace {

StoreError code_of(int extended) {
  // The shared-memory index grows by writing to the same disk; SQLite has no plainer name for that disk being
  // full.
  if (extended == SQLITE_IOERR_SHMSIZE) return StoreError::disk_full;
  switch (extended & 0xff) {
    case SQLITE_FULL:
      return StoreError::disk_full;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return StoreError::corrupt;
    case SQLITE_CANTOPEN:
      return StoreError::cannot_open;
    default:
      return StoreError::io;
  }
}

std::unexpected<Error<StoreError>> failed(sqlite3* database) {
  return fail(code_of(sqlite3_extended_errcode(database)),
              std::string("SQLite: ") + sqlite3_errmsg(database));
}

}  // namespace

Statement::Statement(sqlite3_stmt* statement) : statement_(statement, sqlite3_finalize) {}

Statement& Statement::bind(uint64_t value) {
  WARDEN_CHECK(sqlite3_bind_int64(statement_.get(), ++bound_, static_cast<int64_t>(value)) == SQLITE_OK);
  return *this;
}

Statement& Statement::bind_text(std::string_view text) {
  WARDEN_CHECK(sqlite3_bind_text64(statement_.get(), ++bound_, text.data(), text.size(), SQLITE_STATIC,
                                   SQLITE_UTF8) == SQLITE_OK);
  return *this;
}

Statement& Statement::bind_blob(std::string_view bytes) {
  WARDEN_CHECK(sqlite3_bind_blob64(statement_.get(), ++bound_, bytes.data(), bytes.size(), SQLITE_STATIC) ==
               SQLITE_OK);
  return *this;
}

Result<bool, StoreError> Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  sqlite3* const database = sqlite3_db_handle(statement_.get());
  if (code != SQLITE_DONE) {
    auto error = failed(database);  // before the reset, which clears it
    reset();
    return error;
  }
  reset();
  return false;
}

Result<void, StoreError> Statement::run() {
  for (;;) {
    auto more = step();
    if (!more) return std::unexpected(more.error());
    if (!*more) return {};
  }
}

void Statement::reset() {
  sqlite3_reset(statement_.get());
  bound_ = 0;
}

uint64_t Statement::integer(int column) const {
  return static_cast<uint64_t>(sqlite3_column_int64(statement_.get(), column));
}

std::string_view Statement::bytes(int column) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
  return {data == nullptr ? "" : data, static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

Database::Database(sqlite3* database) : database_(database, sqlite3_close_v2) {}

Result<Database, StoreError> Database::open(const std::string& path, Mode mode) {
  const int how = mode == Mode::read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  // Without its own account of memory each allocation takes no lock. Refused, and no matter, when somebody in
  // this process has used SQLite before.
  static const int unaccounted = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  static_cast<void>(unaccounted);
  sqlite3* raw = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &raw, how | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, nullptr);
  Database database(raw);
  if (code != SQLITE_OK) return fail(StoreError::cannot_open, path + ": " + sqlite3_errstr(code));
  sqlite3_extended_result_codes(raw, 1);
  sqlite3_busy_timeout(raw, 5000);
  return database;
}

Result<void, StoreError> Database::run(const char* sql) {
  if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK)
    return failed(database_.get());
  return {};
}

Result<Statement, StoreError> Database::prepare(const char* sql) {
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v3(database_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &raw, nullptr) != SQLITE_OK)
    return failed(database_.get());
  return Statement(raw);
}

int Database::changes() const {
  return sqlite3_changes(database_.get());
}

void Database::fold_on_call() {
  const auto count_pages = [](void* pages, sqlite3*, const char*, int count) {
    *static_cast<uint64_t*>(pages) = static_cast<uint64_t>(count);
    return SQLITE_OK;
  };
  sqlite3_wal_hook(database_.get(), count_pages, wal_pages_.get());
}

Result<void, StoreError> Database::fold_wal() {
  *wal_pages_ = 0;  // whatever comes of it, the next commit tells how long the log is then
  const int code =
      sqlite3_wal_checkpoint_v2(database_.get(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  if (code == SQLITE_OK || (code & 0xff) == SQLITE_BUSY) return {};
  return failed(database_.get());
}

void Database::abandon() {
  sqlite3_db_config(database_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

}  // namespace warden::audit
