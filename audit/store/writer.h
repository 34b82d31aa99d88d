// SPDX-License-Identifier: Apache-2.0
// Writer: the audit thread. Takes drafts from the control thread by a bounded queue, gives each its sequence
// number, commits them in groups (one SQLite transaction with entries, tree state and signed checkpoint) and
// reports back after COMMIT. A group never waits for a timer: it is whatever arrived while the last one was
// being made durable. Only outcomes, which hold nobody up, wait some milliseconds for a decision to go with.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "agent/base/result.h"
#include "audit/record/draft.h"

namespace warden::audit {

enum class StoreError {
  cannot_open,
  corrupt,
  disk_full,
  io,
  spool_full,
  queue_full,
  rolled_back,
  bad_record
};

struct Committed {
  uint64_t token = 0;  // the caller's
  Result<uint64_t, StoreError> seq;
};

struct LogConfig {
  std::string state_dir;  // log.sqlite, keys (0600)
  std::string log_domain, tenant, host_id;
  uint64_t spool_bytes_max = 8ull << 30;
  bool block_when_spool_full = true;
  uint64_t reserve_bytes = 16ull << 20;           // kept free on disk for outcomes and the gap record
  std::string agent_ver, agent_build, agent_cfg;  // stand in every record when not empty
  std::string start_reason;                       // of the `start` record, which the log itself writes first
  // Exchanges of an earlier process of ours that go on in this one: what they lack is not lost.
  std::unordered_set<std::string> in_flight;
  // Says that the classifier found something in a value an application chose: it then becomes a digest. Audit
  // thread.
  std::function<bool(std::string_view)> finds_data;
};

struct LogStatus {
  std::string origin;
  uint64_t epoch = 0, size = 0, cosigned = 0, bytes = 0;
  StoreError fault{};
  bool healthy = true;
  uint64_t gap_decisions = 0, gap_outcomes = 0;  // refused or lost since the last gap record
  uint64_t commits = 0;
  int64_t last_commit_us = 0;
};

class Writer {
 public:
  // `done` runs on the audit thread after each commit with the whole group; it must only enqueue and wake.
  static Result<std::unique_ptr<Writer>, StoreError> open(const LogConfig& config,
                                                          std::function<void(std::vector<Committed>)> done);
  virtual ~Writer() = default;  // commits what is queued, then stops

  // False: the queue is full (bounded); the caller answers 503.
  virtual bool submit(uint64_t token, Draft draft) = 0;
  [[nodiscard]] virtual LogStatus status() const = 0;  // any thread

  // For shipping, from any thread; done in order by the audit thread, the result by log line and status().
  // `note`: the checkpoint of that size with the collector's cosignature. Entries below are free to go from
  // then on.
  virtual void set_cosigned(uint64_t epoch, uint64_t size, std::string note) = 0;
  // Ends the epoch and begins another whose `start` says why: "unconfirmed" (no collector answered at start)
  // or "rolled_back" (it has cosigned more than is here). `epoch_min`: above every epoch that the collector
  // knows.
  virtual void rotate(std::string state, uint64_t epoch_min) = 0;
};

}  // namespace warden::audit
