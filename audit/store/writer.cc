// SPDX-License-Identifier: Apache-2.0
#include "audit/store/writer.h"

#include <pthread.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "audit/store/log.h"

namespace warden::audit {
namespace {

constexpr size_t kQueueMax = 8192;  // drafts waiting; a full queue is the caller's 503
constexpr size_t kJobsMax = 64;  // receipts and rotations waiting; a receipt dropped is repeated by shipping
constexpr size_t kGroupMax = 2048;  // bounds one transaction
// Nobody waits for an outcome: it goes with the next decision, and does not make a commit of its own unless
// none comes.
constexpr auto kOutcomeWaits = std::chrono::milliseconds(5);
constexpr size_t kOutcomesWaiting = 256;
constexpr auto kQuiet = std::chrono::milliseconds(50);  // without work, before what takes long is begun
constexpr auto kRecoverEvery = std::chrono::seconds(1);

class ThreadedWriter final : public Writer {
 public:
  ThreadedWriter(std::unique_ptr<Log> log, std::function<void(std::vector<Committed>)> done)
      : log_(std::move(log)), done_(std::move(done)), status_(log_->status()), thread_([this] { run(); }) {}

  ~ThreadedWriter() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

  bool submit(uint64_t token, Draft draft) override {
    bool wake = false;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_ || queue_.size() >= kQueueMax) {
        missed_.add(draft, "queue_full", wall_us());
        return false;
      }
      const bool urgent = draft.kind() != Kind::outcome || queue_.size() >= kOutcomesWaiting;
      wake = queue_.empty() || (urgent && !urgent_);  // else the thread is awake, or will be in time
      urgent_ = urgent_ || urgent;
      queue_.push_back({token, std::move(draft)});
    }
    if (wake) wake_.notify_one();
    return true;
  }

  [[nodiscard]] LogStatus status() const override {
    const std::lock_guard lock(mutex_);
    return status_;
  }

  void set_cosigned(uint64_t epoch, uint64_t size, std::string note) override {
    post([epoch, size, note = std::move(note)](Log& log) { return log.set_cosigned(epoch, size, note); });
  }

  void rotate(std::string state, uint64_t epoch_min) override {
    post([state = std::move(state), epoch_min](Log& log) {
      auto rotated = log.rotate(state, epoch_min);
      if (rotated) log.append({});  // its `start` record
      return rotated;
    });
  }

 private:
  using Job = std::function<Result<void, StoreError>(Log&)>;

  void post(Job job) {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_ || jobs_.size() >= kJobsMax) return;
      jobs_.push_back(std::move(job));
    }
    wake_.notify_one();
  }

  void run() {
    ::pthread_setname_np(::pthread_self(), "audit");
    std::unique_lock lock(mutex_);
    for (;;) {
      const auto hurry = [this] { return stopping_ || urgent_ || !jobs_.empty(); };
      const auto work = [&] { return hurry() || !queue_.empty(); };
      if (log_->wants_rest() && !wake_.wait_for(lock, kQuiet, work)) {
        lock.unlock();
        log_->rest();
        lock.lock();
      }
      // Only a full disk needs a clock: nobody else tells that space is back.
      if (log_->full())
        wake_.wait_for(lock, kRecoverEvery, work);
      else
        wake_.wait(lock, work);
      if (!queue_.empty()) wake_.wait_for(lock, kOutcomeWaits, hurry);
      if (stopping_ && queue_.empty() && jobs_.empty()) return;
      std::vector<Item> group = take_group();
      std::deque<Job> jobs = std::exchange(jobs_, {});
      const GapCounts missed = std::exchange(missed_, {});
      lock.unlock();
      if (!missed.empty()) log_->missed(missed);
      step(std::move(group), jobs);
      lock.lock();
      status_ = log_->status();
    }
  }

  std::vector<Item> take_group() {
    const size_t count = std::min(queue_.size(), kGroupMax);
    const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(count);
    std::vector<Item> group(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
    queue_.erase(queue_.begin(), end);
    urgent_ = !queue_.empty();
    return group;
  }

  void step(std::vector<Item> group, std::deque<Job>& jobs) {
    for (Job& job : jobs)
      if (const auto result = job(*log_); !result) log::error("audit log: {}", result.error().detail);
    if (log_->full()) log_->recover();
    if (group.empty()) return;
    std::vector<Committed> answers = log_->append(std::move(group));
    {
      // Before the callers hear of it, so that whoever was answered sees its record counted.
      const std::lock_guard lock(mutex_);
      status_ = log_->status();
    }
    done_(std::move(answers));
  }

  std::unique_ptr<Log> log_;
  const std::function<void(std::vector<Committed>)> done_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Item> queue_;
  std::deque<Job> jobs_;
  GapCounts missed_;     // what did not fit the queue
  bool urgent_ = false;  // something is queued that shall not wait
  bool stopping_ = false;
  LogStatus status_;
  std::thread thread_;  // last: it starts when all else is there
};

}  // namespace

Result<std::unique_ptr<Writer>, StoreError> Writer::open(const LogConfig& config,
                                                         std::function<void(std::vector<Committed>)> done) {
  auto log = Log::open(config);
  if (!log) return std::unexpected(log.error());
  return std::make_unique<ThreadedWriter>(std::move(*log), std::move(done));
}

}  // namespace warden::audit
