// SPDX-License-Identifier: Apache-2.0
// Recorder: the control thread's side of the audit writer. Decisions are answered when they are durable, everything else is
// handed over and counted if it fails. Control thread only; the audit thread's reports arrive through the io_context.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>

#include "agent/app/messages.h"
#include "agent/app/metrics.h"
#include "audit/ship/shipper.h"
#include "audit/store/writer.h"

namespace warden::app {

class Recorder {
 public:
  static Result<std::unique_ptr<Recorder>, audit::StoreError> open(boost::asio::io_context& io, Metrics& metrics,
                                                                   const audit::LogConfig& config);
  using Reply = std::function<void(RecordFault)>;
  void decide(audit::Draft draft, Reply reply);
  void note(audit::Draft draft);
  [[nodiscard]] audit::LogStatus status() const { return writer_ == nullptr ? audit::LogStatus{} : writer_->status(); }
  [[nodiscard]] uint64_t recorded() const { return recorded_; }
  // Begins to send the log to the collector.
  Result<void, audit::ShipError> ship(const audit::ShipConfig& config);
  [[nodiscard]] std::optional<audit::ShipStatus> shipping() const;
  // Stops shipping and commits what is queued; nothing is recorded after it.
  void close() {
    shipper_.reset();
    writer_.reset();
  }

 private:
  explicit Recorder(Metrics& metrics) : metrics_(metrics) {}
  bool submit(audit::Draft draft, Reply reply);
  void committed(const std::vector<audit::Committed>& group);

  Metrics& metrics_;
  std::unique_ptr<audit::Writer> writer_;
  std::unique_ptr<audit::Shipper> shipper_;  // uses the writer, so it goes first
  struct Submitted {
    audit::Kind kind;
    Reply reply;  // empty: nobody waits
  };
  std::unordered_map<uint64_t, Submitted> submitted_;
  uint64_t next_ = 1;
  uint64_t recorded_ = 0;
};

}  // namespace warden::app
