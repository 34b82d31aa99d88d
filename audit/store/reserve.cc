// SPDX-License-Identifier: Apache-2.0
#include "audit/store/reserve.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>

namespace warden::audit {
namespace {
constexpr uint64_t kSliceBytes = 1 << 20;
}  // namespace

Reserve::Reserve(const std::string& path, uint64_t bytes)
    : bytes_(std::max(bytes, kNoteBytes)),
      fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) {
  struct stat status {};
  if (!fd_ || ::fstat(fd_.get(), &status) != 0) return;
  if (static_cast<uint64_t>(status.st_size) > bytes_ &&
      ::ftruncate(fd_.get(), static_cast<off_t>(bytes_)) != 0)
    return;
  // What an earlier run gave up is taken again; sparse blocks become real.
  if (::posix_fallocate(fd_.get(), 0, static_cast<off_t>(bytes_)) == 0)
    held_ = bytes_;
  else
    held_ = ::posix_fallocate(fd_.get(), 0, kNoteBytes) == 0
                ? std::max<uint64_t>(kNoteBytes, static_cast<uint64_t>(status.st_size))
                : 0;
}

bool Reserve::refill() {
  if (!fd_) return false;
  if (held_ < bytes_) {
    const uint64_t before = held_;
    if (::posix_fallocate(fd_.get(), 0, static_cast<off_t>(bytes_)) != 0) {
      // Some of it may have been allocated: it is given back, or counted when even that fails.
      if (::ftruncate(fd_.get(), static_cast<off_t>(before)) != 0) held_ = bytes_;
      return false;
    }
    held_ = bytes_;
  }
  // Room for some groups beyond the reserve: without it the log would go back and forth at the edge.
  struct statvfs disk {};
  return ::fstatvfs(fd_.get(), &disk) == 0 && disk.f_bavail * disk.f_frsize >= kSliceBytes;
}

bool Reserve::release_slice() {
  if (!fd_ || held_ <= kNoteBytes) return false;
  const uint64_t left = std::max(held_ - std::min(held_, kSliceBytes), kNoteBytes);
  if (::ftruncate(fd_.get(), static_cast<off_t>(left)) != 0) return false;
  held_ = left;
  return true;
}

std::string Reserve::note() const {
  std::string block(kNoteBytes, '\0');
  const ssize_t n = fd_ ? ::pread(fd_.get(), block.data(), block.size(), 0) : -1;
  block.resize(n < 0 ? 0 : static_cast<size_t>(n));
  block.resize(std::min(block.size(), block.find('\0')));
  return block;
}

bool Reserve::set_note(std::string_view text) {
  std::string block(text.substr(0, kNoteBytes - 1));
  block.resize(kNoteBytes, '\0');
  return fd_ && ::pwrite(fd_.get(), block.data(), block.size(), 0) == static_cast<ssize_t>(block.size());
}

}  // namespace warden::audit
