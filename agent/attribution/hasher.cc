// SPDX-License-Identifier: Apache-2.0
#include "agent/attribution/hasher.h"

#include <pthread.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "agent/base/bytes.h"
#include "agent/base/digest.h"

namespace warden::attribution {
namespace {

constexpr size_t kBlockBytes = size_t{1} << 18;

int64_t ns(const timespec& t) { return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec; }

}  // namespace

FileKey FileKey::of(const struct stat& st) {
  return {st.st_dev, st.st_ino, static_cast<uint64_t>(st.st_size), ns(st.st_mtim), ns(st.st_ctim)};
}

Known<std::string> hash_file(int fd, const FileKey& key, const std::atomic<bool>& stop) {
  Sha256 sum;
  std::vector<char> block(kBlockBytes);
  uint64_t offset = 0;
  // One byte past the size too: a file that grows is noticed below, not followed for ever.
  while (offset <= key.bytes) {
    if (stop) return Known<std::string>::unresolved("agent_stopping");
    const ssize_t n = ::pread(fd, block.data(), block.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Known<std::string>::unresolved("executable_unreadable");
    if (n == 0) break;
    sum.update({block.data(), static_cast<size_t>(n)});
    offset += static_cast<uint64_t>(n);
  }
  struct stat after {};
  if (::fstat(fd, &after) != 0 || FileKey::of(after) != key || offset != key.bytes)
    return Known<std::string>::unresolved("executable_changed_while_read");
  return Known<std::string>::of(hex(view(sum.finish())));
}

Hasher::Hasher(std::function<void()> wake) : wake_(std::move(wake)) {
  // Signals are the control thread's.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Hasher::~Hasher() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  more_.notify_all();
  thread_.join();
}

bool Hasher::submit(Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= kQueueMax) return false;
    queue_.push_back(std::move(job));
  }
  more_.notify_one();
  return true;
}

void Hasher::hurry(const FileKey& key) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(queue_, key, &Job::key);
  if (found != queue_.end()) std::rotate(queue_.begin(), found, found + 1);
}

std::vector<Hasher::Done> Hasher::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(done_, {});
}

void Hasher::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    more_.wait(lock, [this] { return stop_ || !queue_.empty(); });
    if (stop_) return;
    const Job job = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    Done done{job.key, job.path, job.settled, hash_file(job.fd.get(), job.key, stop_)};
    lock.lock();
    done_.push_back(std::move(done));
    lock.unlock();
    wake_();
    lock.lock();
  }
}

}  // namespace warden::attribution
