// SPDX-License-Identifier: Apache-2.0
// Shipper: sends the log to the collector from a thread of its own, reading it through a read-only
// connection, and gives each verified receipt to the Writer. It never holds up the audit thread.
//
// What it promises: a receipt is passed on only when the collector's cosignature verifies under the key
// pinned at the first contact (`collector.vkey` in state_dir) and everything below it, disclosures included,
// has been taken. Nothing is sent that is not committed; everything may be sent again.
//
// At start the collector is asked how far it knows this host's log:
//   it knows more, a later epoch, or another key    rotate("rolled_back"): the disk was put back
//   no answer within `confirm_within`               rotate("unconfirmed"), once in this run
// The question is put at the first contact in any case, so that a rollback behind a silent collector comes
// out too. Epochs that cannot be sent any more (their tail was rolled back) stay on the host and are
// reported.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "agent/base/result.h"
#include "audit/ship/client.h"
#include "audit/store/writer.h"

namespace warden::audit {

struct ShipConfig {
  std::string url, cert, key, ca;
  std::string state_dir;  // of the log
  uint64_t batch_records = 256;
  std::chrono::milliseconds interval{1000};  // or `batch_records`, whichever comes first
  std::chrono::milliseconds confirm_within{5000};
  std::chrono::milliseconds timeout{15000};  // of one step of a request
  std::chrono::milliseconds retry_min{250}, retry_max{30000};
};

enum class ShipState : uint8_t { starting, connected, unreachable, refused };
std::string_view name(ShipState state);

struct ShipStatus {
  ShipState state = ShipState::starting;
  std::string detail;     // why, when not connected
  uint64_t epoch = 0;     // of the last receipt
  uint64_t cosigned = 0;  // its size
  uint64_t receipts = 0, failures = 0;
  uint64_t sent_records = 0;
  int64_t last_receipt_us = 0;  // wall clock
  uint64_t stuck_epochs = 0;    // which the collector cannot take
};

class Shipper {
 public:
  // The writer must outlive the shipper. Files that cannot be read are errors; a silent collector is not.
  static Result<std::unique_ptr<Shipper>, ShipError> start(const ShipConfig& config, Writer& writer);
  virtual ~Shipper() = default;  // stops within moments, also in the middle of a request
  [[nodiscard]] virtual ShipStatus status() const = 0;  // any thread
};

}  // namespace warden::audit
