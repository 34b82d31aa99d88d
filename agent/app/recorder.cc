// SPDX-License-Identifier: Apache-2.0
#include "agent/app/recorder.h"

#include <boost/asio/post.hpp>

#include "agent/base/log.h"

namespace warden::app {
namespace {

RecordFault to_fault(audit::StoreError error) {
  switch (error) {
    case audit::StoreError::spool_full: return RecordFault::spool_full;
    case audit::StoreError::queue_full: return RecordFault::overloaded;
    case audit::StoreError::bad_record: return RecordFault::refused;
    default: return RecordFault::not_durable;
  }
}

std::string_view word(audit::StoreError error) {
  switch (error) {
    case audit::StoreError::cannot_open: return "cannot_open";
    case audit::StoreError::corrupt: return "corrupt";
    case audit::StoreError::disk_full: return "disk_full";
    case audit::StoreError::io: return "io";
    case audit::StoreError::spool_full: return "spool_full";
    case audit::StoreError::queue_full: return "queue_full";
    case audit::StoreError::rolled_back: return "rolled_back";
    case audit::StoreError::bad_record: return "bad_record";
  }
  return "io";
}

}  // namespace

Result<std::unique_ptr<Recorder>, audit::StoreError> Recorder::open(boost::asio::io_context& io, Metrics& metrics,
                                                                    const audit::LogConfig& config) {
  std::unique_ptr<Recorder> recorder(new Recorder(metrics));
  auto writer = audit::Writer::open(config, [self = recorder.get(), &io](std::vector<audit::Committed> group) {
    boost::asio::post(io, [self, group = std::move(group)] { self->committed(group); });
  });
  if (!writer) return std::unexpected(writer.error());
  recorder->writer_ = std::move(*writer);
  return recorder;
}

bool Recorder::submit(audit::Draft draft, Reply reply) {
  const uint64_t token = next_++;
  const audit::Kind kind = draft.kind();
  if (writer_ == nullptr || !writer_->submit(token, std::move(draft))) {
    metrics_.count("audit_failures_total|queue_full");
    return false;
  }
  submitted_.emplace(token, Submitted{kind, std::move(reply)});
  return true;
}

void Recorder::decide(audit::Draft draft, Reply reply) {
  if (!submit(std::move(draft), reply)) reply(writer_ == nullptr ? RecordFault::not_durable : RecordFault::overloaded);
}

void Recorder::note(audit::Draft draft) { (void)submit(std::move(draft), {}); }

Result<void, audit::ShipError> Recorder::ship(const audit::ShipConfig& config) {
  auto shipper = audit::Shipper::start(config, *writer_);
  if (!shipper) return std::unexpected(shipper.error());
  shipper_ = std::move(*shipper);
  return {};
}

std::optional<audit::ShipStatus> Recorder::shipping() const {
  if (shipper_ == nullptr) return std::nullopt;
  return shipper_->status();
}

void Recorder::committed(const std::vector<audit::Committed>& group) {
  for (const audit::Committed& one : group) {
    auto node = submitted_.extract(one.token);
    if (one.seq) ++recorded_;
    if (node && one.seq) metrics_.count("audit_records_total|" + std::string(audit::name(node.mapped().kind)));
    if (!one.seq) metrics_.count("audit_failures_total|" + std::string(word(one.seq.error().code)));
    if (node && node.mapped().reply) node.mapped().reply(one.seq ? RecordFault::none : to_fault(one.seq.error().code));
  }
  if (writer_ != nullptr) metrics_.observe_commit_seconds(static_cast<double>(writer_->status().last_commit_us) / 1e6);
}

}  // namespace warden::app
