// SPDX-License-Identifier: Apache-2.0
#include "agent/attribution/executable.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "agent/base/bytes.h"
#include "agent/base/digest.h"
#include "agent/base/fd.h"

namespace warden::attribution {
namespace {

constexpr size_t kBlockBytes = size_t{1} << 18;

int64_t ns(const timespec& t) {
  return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

// overlayfs and btrfs show another device to stat(2) than the super block's, which is what the kernel facts
// carry.
bool device_is_virtual(int fd) {
  struct statfs fs {};
  if (::fstatfs(fd, &fs) != 0) return false;
  return fs.f_type == OVERLAYFS_SUPER_MAGIC || fs.f_type == BTRFS_SUPER_MAGIC;
}

}  // namespace

bool same_file(const struct stat& st, int fd, const FileId& expected) {
  if (expected.inode == 0) return true;  // the kernel half did not say: /proc/PID/exe alone vouches
  if (st.st_ino != expected.inode) return false;
  return expected.device == 0 || expected.device == st.st_dev || device_is_virtual(fd);
}

Executables::Key Executables::key_of(const struct stat& st) {
  return {st.st_dev, st.st_ino, static_cast<uint64_t>(st.st_size), ns(st.st_mtim), ns(st.st_ctim)};
}

Known<std::string> Executables::digest(int fd, const FileId& expected, const std::string& path) {
  struct stat st {};
  if (::fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
    return Known<std::string>::unresolved("executable_not_a_file");
  if (!same_file(st, fd, expected)) return Known<std::string>::unresolved("executable_is_another_file");
  const Key key = key_of(st);
  if (const auto found = entries_.find(key); found != entries_.end()) {
    recent_.splice(recent_.begin(), recent_, found->second);
    return Known<std::string>::of(found->second->digest);
  }
  if (key.bytes > file_bytes_max_) return Known<std::string>::unresolved("executable_too_large");
  return hash(fd, key, path);
}

Known<std::string> Executables::hash(int fd, const Key& key, const std::string& path) {
  Sha256 sum;
  std::vector<char> block(kBlockBytes);
  uint64_t offset = 0;
  // One byte past the size too: a file that grows is noticed below, not followed for ever.
  while (offset <= key.bytes) {
    const ssize_t n = ::pread(fd, block.data(), block.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Known<std::string>::unresolved("executable_unreadable");
    if (n == 0) break;
    sum.update({block.data(), static_cast<size_t>(n)});
    offset += static_cast<uint64_t>(n);
  }
  ++hashed_;
  struct stat after {};
  if (::fstat(fd, &after) != 0 || key_of(after) != key || offset != key.bytes)
    return Known<std::string>::unresolved("executable_changed_while_read");
  const Digest digest = sum.finish();
  recent_.push_front({key, path, hex(view(digest))});
  entries_[key] = recent_.begin();
  if (recent_.size() > files_max_) {
    entries_.erase(recent_.back().key);
    recent_.pop_back();
  }
  return Known<std::string>::of(recent_.front().digest);
}

Known<std::string> Executables::digest_at(const std::string& path, const FileId& expected) {
  if (expected.inode == 0 || path.empty() || path[0] != '/')
    return Known<std::string>::unresolved("process_gone");  // nothing proves that this is the file that ran
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return Known<std::string>::unresolved("process_gone");
  return digest(fd.get(), expected, path);
}

std::optional<std::string> Executables::recall_path(const FileId& expected) const {
  if (expected.inode == 0) return std::nullopt;
  for (const Entry& entry : recent_) {
    if (entry.key.inode != expected.inode) continue;
    const Fd fd(::open(entry.path.c_str(), O_PATH | O_CLOEXEC));
    struct stat st {};
    if (fd && ::fstat(fd.get(), &st) == 0 && key_of(st) == entry.key && same_file(st, fd.get(), expected))
      return entry.path;
  }
  return std::nullopt;
}

}  // namespace warden::attribution
