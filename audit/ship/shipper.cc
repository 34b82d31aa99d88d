// SPDX-License-Identifier: Apache-2.0
#include "audit/ship/shipper.h"

#include <pthread.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "audit/ship/session.h"

namespace warden::audit {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kLook = std::chrono::milliseconds(100);  // how often the size of the log is looked at

class ThreadedShipper final : public Shipper {
 public:
  ThreadedShipper(ShipConfig config, Writer& writer, std::unique_ptr<HttpsClient> client, LogReader reader)
      : config_(std::move(config)),
        writer_(writer),
        client_(std::move(client)),
        reader_(std::move(reader)),
        session_(*client_, reader_, config_.state_dir + "/collector.vkey"),
        retry_(config_.retry_min),
        thread_([this] { run(); }) {}

  ~ThreadedShipper() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    client_->interrupt();
    thread_.join();
  }

  [[nodiscard]] ShipStatus status() const override {
    const std::lock_guard lock(mutex_);
    return status_;
  }

 private:
  void run() {
    ::pthread_setname_np(::pthread_self(), "ship");
    const auto deadline = Clock::now() + config_.confirm_within;
    while (!stopping()) {
      auto done = confirmed_ ? round() : confirm();
      if (done && !confirmed_) {
        wait(kLook);  // for the new epoch to be there
        continue;
      }
      if (done) {
        succeeded();
        wait_for_work();
        continue;
      }
      if (stopping()) return;
      failed(done.error());
      auto pause = back_off();
      if (!confirmed_ && !declared_unconfirmed_) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
        if (left.count() <= 0)
          declare_unconfirmed(done.error());
        else
          pause = std::min(pause, left);
      }
      wait(pause);
    }
  }

  // True answers only; whether the local log may go on is decided here and nowhere else.
  Result<void, ShipError> confirm() {
    auto current = reader_.epoch(0);
    if (!current) return fail(ShipError::log, current.error().detail);
    if (current->epoch <= rotated_from_) return {};  // the audit thread has not yet come to it
    auto latest = session_.latest(current->origin);
    if (!latest) return std::unexpected(latest.error());
    const bool other_key = !latest->vkey.empty() && latest->vkey != current->vkey;
    if (!other_key && latest->size <= current->size && latest->epoch_max <= current->epoch) {
      confirmed_ = true;
      return {};
    }
    log::error(
        "shipping: the collector knows {} records of {} and epoch {}, here are {}: the disk was rolled "
        "back; a new epoch begins",
        latest->size, current->origin, latest->epoch_max, current->size);
    rotated_from_ = current->epoch;
    writer_.rotate("rolled_back", latest->epoch_max + 1);
    return {};
  }

  void declare_unconfirmed(const Error<ShipError>& error) {
    declared_unconfirmed_ = true;
    const auto current = reader_.epoch(0);
    if (!current || current->epoch <= rotated_from_) return;
    log::warn("shipping: the collector did not answer at start ({}); a new epoch begins", error.detail);
    rotated_from_ = current->epoch;
    writer_.rotate("unconfirmed", 0);
  }

  // Sends every epoch that is not wholly cosigned. One that cannot be sent does not hold up the later ones.
  Result<void, ShipError> round() {
    auto epochs = reader_.epochs();
    if (!epochs) return fail(ShipError::log, epochs.error().detail);
    for (const EpochState& epoch : *epochs) {
      const uint64_t done = std::max(receipts_[epoch.epoch], epoch.cosigned);
      if (done >= epoch.size || stuck_.contains(epoch.epoch)) continue;
      auto receipt = session_.ship(epoch, done);
      if (receipt) {
        accept(epoch.epoch, std::move(*receipt));
        continue;
      }
      const bool past = epoch.epoch != epochs->back().epoch;
      if (!past || receipt.error().code != ShipError::refused) return std::unexpected(receipt.error());
      log::error("shipping: epoch {} stays on this host: {}", epoch.epoch, receipt.error().detail);
      stuck_.insert(epoch.epoch);
    }
    seen_size_ = epochs->empty() ? 0 : epochs->back().size;
    seen_epoch_ = epochs->empty() ? 0 : epochs->back().epoch;
    return {};
  }

  void accept(uint64_t epoch, Receipt receipt) {
    receipts_[epoch] = receipt.size;
    writer_.set_cosigned(epoch, receipt.size, std::move(receipt.note));
    const std::lock_guard lock(mutex_);
    status_.epoch = epoch;
    status_.cosigned = receipts_[epoch];
    ++status_.receipts;
    status_.last_receipt_us = wall_us();
  }

  void succeeded() {
    retry_ = config_.retry_min;
    const std::lock_guard lock(mutex_);
    if (status_.state != ShipState::connected) log::info("shipping: connected to {}", config_.url);
    status_.state = ShipState::connected;
    status_.detail.clear();
    status_.sent_records = session_.sent_records();
    status_.stuck_epochs = stuck_.size();
  }

  void failed(const Error<ShipError>& error) {
    const bool silent = error.code == ShipError::unreachable;
    const std::lock_guard lock(mutex_);
    // Said once and not at each repetition; status() always has the last word of it.
    if (status_.detail != error.detail) log::warn("shipping: {}", error.detail);
    status_.state = silent ? ShipState::unreachable : ShipState::refused;
    status_.detail = error.detail;
    ++status_.failures;
    status_.sent_records = session_.sent_records();
    status_.stuck_epochs = stuck_.size();
  }

  // Doubles up to the maximum; half of it by chance, so that a fleet does not return all at once.
  std::chrono::milliseconds back_off() {
    const auto whole = retry_.count();
    retry_ = std::min(retry_ * 2, config_.retry_max);
    return std::chrono::milliseconds(std::uniform_int_distribution<int64_t>(whole / 2, whole)(random_));
  }

  void wait_for_work() {
    const auto until = Clock::now() + config_.interval;
    while (!stopping() && Clock::now() < until) {
      wait(std::min(kLook, config_.interval));
      const LogStatus now = writer_.status();
      if (now.epoch != seen_epoch_ || now.size >= seen_size_ + config_.batch_records) return;
    }
  }

  void wait(std::chrono::milliseconds pause) {
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, pause, [this] { return stopping_; });
  }
  [[nodiscard]] bool stopping() const {
    const std::lock_guard lock(mutex_);
    return stopping_;
  }

  const ShipConfig config_;
  Writer& writer_;
  std::unique_ptr<HttpsClient> client_;
  LogReader reader_;  // the ship thread's
  Session session_;
  std::chrono::milliseconds retry_;
  std::minstd_rand random_{std::random_device{}()};
  bool confirmed_ = false, declared_unconfirmed_ = false;
  uint64_t rotated_from_ = 0;  // this epoch was given up; the next one is to be confirmed
  std::map<uint64_t, uint64_t> receipts_;
  std::set<uint64_t> stuck_;
  uint64_t seen_size_ = 0, seen_epoch_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  ShipStatus status_;
  std::thread thread_;  // last: it starts when all else is there
};

}  // namespace

std::string_view name(ShipState state) {
  switch (state) {
    case ShipState::starting:
      return "starting";
    case ShipState::connected:
      return "connected";
    case ShipState::unreachable:
      return "unreachable";
    case ShipState::refused:
      return "refused";
  }
  return "";
}

Result<std::unique_ptr<Shipper>, ShipError> Shipper::start(const ShipConfig& config, Writer& writer) {
  auto client = HttpsClient::make({config.url, config.cert, config.key, config.ca, config.timeout});
  if (!client) return std::unexpected(client.error());
  auto reader = LogReader::open(config.state_dir);
  if (!reader) return fail(ShipError::log, reader.error().detail);
  return std::make_unique<ThreadedShipper>(config, writer, std::move(*client), std::move(*reader));
}

}  // namespace warden::audit
