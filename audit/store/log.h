// SPDX-License-Identifier: Apache-2.0
// Log: the host's durable log, for one thread. Each append() is one SQLite transaction with entries,
// disclosures, tree state and a checkpoint signed over them; nothing it returns, and no signature, is seen by
// others before COMMIT.
//
// It promises: sequence numbers without hole; a signature only over a tree that extends the last signed one,
// with hashes computed from the very bytes that are stored; after a failed write of unknown outcome no
// further write. The thread, the queue and the waiting callers are the Writer's.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/base/fd.h"
#include "audit/chain/merkle.h"
#include "audit/chain/note.h"
#include "audit/record/encoder.h"
#include "audit/store/gap.h"
#include "audit/store/reserve.h"
#include "audit/store/sqlite.h"
#include "audit/store/vault.h"
#include "audit/store/writer.h"

namespace warden::audit {

struct Item {
  uint64_t token = 0;
  Draft draft;
};

class Log {
 public:
  static Result<std::unique_ptr<Log>, StoreError> open(const LogConfig& config);
  ~Log();

  // One answer per item, in order. With the disk or spool full only what ends an exchange is still taken.
  std::vector<Committed> append(std::vector<Item> group);
  // Records that callers gave up before they reached the log; they become part of the next `gap` record.
  void missed(const GapCounts& counts);
  // Work for a moment without callers: moves the write-ahead log into the database.
  [[nodiscard]] bool wants_rest() const;
  void rest() { fold_wal(); }
  // With the disk full: tries to take the reserve back. The `gap` record then goes before everything else.
  void recover();
  [[nodiscard]] bool full() const { return full_; }

  Result<void, StoreError> set_cosigned(uint64_t epoch, uint64_t size, const std::string& note);
  Result<void, StoreError> rotate(const std::string& state, uint64_t epoch_min);
  [[nodiscard]] LogStatus status() const;

 private:
  struct Statements {
    Statement begin, commit, rollback, entry, node, head, disclosure, subject_find, subject_new, pending,
        settled;
  };
  struct Subject {
    uint64_t id = 0;
    Sealer sealer;
  };
  struct Encoded {
    const Item* item = nullptr;
    std::string leaf, disclosures;
  };

  explicit Log(const LogConfig& config, Vault vault, Database database);
  Result<void, StoreError> prepare();
  Result<void, StoreError> load();  // the last epoch, or a first one
  Result<void, StoreError> load_head(uint64_t epoch);
  Result<void, StoreError> check_tail(uint64_t first);
  Result<void, StoreError> create_epoch(uint64_t epoch);
  Result<void, StoreError> collect_lost();
  void start(Draft start);

  Result<void, StoreError> commit(std::vector<Encoded>& group, size_t count);
  Result<void, StoreError> store(std::vector<Encoded>& group, size_t count, chain::Frontier& frontier,
                                 uint64_t bytes);
  Result<void, StoreError> store_disclosures(uint64_t seq, const Encoded& record);
  Result<Subject*, StoreError> subject_key(const Draft& draft);  // valid until the next call
  size_t encode(std::vector<Item>& items, std::vector<Committed>& answers, std::vector<size_t>& places,
                bool (*take)(Kind));
  Result<void, StoreError> write(std::vector<Item>& items, std::vector<Committed>& answers,
                                 bool (*take)(Kind));
  void write_from_reserve(std::vector<Item>& items, std::vector<Committed>& answers, size_t own);
  void refuse(const std::vector<Item>& items, std::vector<Committed>& answers, StoreError why, size_t own);
  void fault(const Error<StoreError>& error);
  void fold_wal();
  void set_clock_fields();
  Result<void, StoreError> drop_cosigned();

  LogConfig config_;
  Vault vault_;
  Database database_;
  Fd lock_;
  Reserve reserve_;
  std::optional<Statements> sql_;
  std::optional<chain::Signer> signer_;
  Encoder encoder_;
  std::vector<FieldValue> own_;
  std::vector<Encoded> encoded_;
  std::unordered_map<std::string, Subject> subjects_;
  std::string sealed_;
  std::vector<Item> startup_;  // `start` and the lost outcomes, until they are committed

  std::string host_id_, boot_id_, origin_;
  uint64_t epoch_ = 0, cosigned_ = 0, first_ = 0, bytes_ = 0;
  chain::Frontier frontier_;  // what the last checkpoint signed
  GapCounts gap_;
  bool full_ = false, spool_full_ = false;
  std::optional<StoreError> fault_;
  uint64_t commits_ = 0;
  int64_t last_commit_us_ = 0;
};

}  // namespace warden::audit
