// SPDX-License-Identifier: Apache-2.0
// The few calls of SQLite that the log needs, behind owning types. One connection belongs to one thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "agent/base/result.h"
#include "audit/store/writer.h"

struct sqlite3;
struct sqlite3_stmt;

namespace warden::audit {

class Statement {
 public:
  Statement() = default;
  // Parameters in order of call, from the first after each reset. Bound bytes must live until the step.
  Statement& bind(uint64_t value);
  Statement& bind_text(std::string_view text);
  Statement& bind_blob(std::string_view bytes);

  // True: a row is there. False: done, and the statement is ready for new parameters.
  Result<bool, StoreError> step();
  Result<void, StoreError> run();  // to the end, ignoring rows
  void reset();

  [[nodiscard]] uint64_t integer(int column) const;
  [[nodiscard]] std::string_view bytes(int column) const;  // valid until the next step or reset

 private:
  friend class Database;
  explicit Statement(sqlite3_stmt* statement);
  std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement_{nullptr, nullptr};
  int bound_ = 0;
};

class Database {
 public:
  enum class Mode { read_write, read_only };
  static Result<Database, StoreError> open(const std::string& path, Mode mode);

  Result<void, StoreError> run(const char* sql);
  Result<Statement, StoreError> prepare(const char* sql);
  [[nodiscard]] int changes() const;
  // From now on SQLite does not fold its write-ahead log by itself but counts its pages, as of the last
  // commit.
  void fold_on_call();
  [[nodiscard]] uint64_t wal_pages() const { return *wal_pages_; }
  // Moves what the write-ahead log holds into the database, as far as readers permit; a busy reader is no
  // error.
  Result<void, StoreError> fold_wal();
  void abandon();  // after a failed write: closing will not touch the files

 private:
  explicit Database(sqlite3* database);
  std::unique_ptr<uint64_t> wal_pages_ = std::make_unique<uint64_t>(0);  // where SQLite's hook writes
  std::unique_ptr<sqlite3, int (*)(sqlite3*)> database_;
};

}  // namespace warden::audit
