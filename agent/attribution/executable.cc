// SPDX-License-Identifier: Apache-2.0
#include "agent/attribution/executable.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <atomic>
#include <ctime>

#include "agent/base/fd.h"

namespace warden::attribution {
namespace {

// overlayfs and btrfs show another device to stat(2) than the super block's, which is what the kernel facts
// carry.
bool device_is_virtual(int fd) {
  struct statfs fs {};
  if (::fstatfs(fd, &fs) != 0) return false;
  return fs.f_type == OVERLAYFS_SUPER_MAGIC || fs.f_type == BTRFS_SUPER_MAGIC;
}

// A write within the clock tick of the last one leaves ctime as it was, so a digest taken so soon says nothing of later
// content and is not kept.
bool settled(const FileKey& key) {
  constexpr int64_t kTicksNs = 20'000'000;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec - key.ctime_ns > kTicksNs;
}

}  // namespace

bool same_file(const struct stat& st, int fd, const FileId& expected) {
  if (expected.inode == 0) return true;  // the kernel half did not say: /proc/PID/exe alone vouches
  if (st.st_ino != expected.inode) return false;
  return expected.device == 0 || expected.device == st.st_dev || device_is_virtual(fd);
}

void Executables::hash_aside(std::function<void()> wake, uint64_t inline_bytes_max) {
  hasher_ = std::make_unique<Hasher>(std::move(wake));
  inline_bytes_max_ = inline_bytes_max;
}

Known<std::string> Executables::digest(int fd, const FileId& expected, const std::string& path,
                                       std::shared_ptr<PendingDigest>* pending) {
  struct stat st {};
  if (::fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
    return Known<std::string>::unresolved("executable_not_a_file");
  if (!same_file(st, fd, expected)) return Known<std::string>::unresolved("executable_is_another_file");
  const FileKey key = FileKey::of(st);
  if (const auto found = entries_.find(key); found != entries_.end()) {
    recent_.splice(recent_.begin(), recent_, found->second);
    return Known<std::string>::of(found->second->digest);
  }
  if (key.bytes > file_bytes_max_) return Known<std::string>::unresolved("executable_too_large");
  if (pending != nullptr && key.bytes > inline_bytes_max_) return hash_later(fd, key, path, *pending);
  static const std::atomic<bool> kNeverStop = false;
  const bool keep = settled(key);  // before it is read
  auto digest = hash_file(fd, key, kNeverStop);
  ++hashed_;
  if (digest.known() && keep) remember(key, path, digest.value);
  return digest;
}

Known<std::string> Executables::hash_later(int fd, const FileKey& key, const std::string& path,
                                           std::shared_ptr<PendingDigest>& pending) {
  auto& entry = pending_[key];
  if (entry == nullptr) {
    Fd own(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (!own || !hasher_->submit({std::move(own), key, path, settled(key)})) {
      pending_.erase(key);
      return Known<std::string>::unresolved("hash_queue_full");
    }
    entry = std::make_shared<PendingDigest>();
    entry->key = key;
  }
  pending = entry;
  return entry->digest;
}

void Executables::collect() {
  if (!hasher_) return;
  for (Hasher::Done& done : hasher_->take()) {
    ++hashed_;
    if (done.digest.known() && done.settled) remember(done.key, done.path, done.digest.value);
    const auto node = pending_.extract(done.key);
    if (!node) continue;
    node.mapped()->digest = std::move(done.digest);
    node.mapped()->done = true;
  }
}

void Executables::hurry(const PendingDigest& pending) {
  if (hasher_) hasher_->hurry(pending.key);
}

void Executables::remember(const FileKey& key, const std::string& path, const std::string& digest) {
  if (entries_.contains(key)) return;
  recent_.push_front({key, path, digest});
  entries_[key] = recent_.begin();
  if (recent_.size() <= files_max_) return;
  entries_.erase(recent_.back().key);
  recent_.pop_back();
}

Known<std::string> Executables::digest_at(const std::string& path, const FileId& expected,
                                          std::shared_ptr<PendingDigest>* pending) {
  if (expected.inode == 0 || path.empty() || path[0] != '/')
    return Known<std::string>::unresolved("process_gone");  // nothing proves that this is the file that ran
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return Known<std::string>::unresolved("process_gone");
  return digest(fd.get(), expected, path, pending);
}

std::optional<std::string> Executables::recall_path(const FileId& expected) const {
  if (expected.inode == 0) return std::nullopt;
  for (const Entry& entry : recent_) {
    if (entry.key.inode != expected.inode) continue;
    const Fd fd(::open(entry.path.c_str(), O_PATH | O_CLOEXEC));
    struct stat st {};
    if (fd && ::fstat(fd.get(), &st) == 0 && FileKey::of(st) == entry.key && same_file(st, fd.get(), expected))
      return entry.path;
  }
  return std::nullopt;
}

}  // namespace warden::attribution
