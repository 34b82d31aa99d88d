// SPDX-License-Identifier: Apache-2.0
#include "audit/store/wal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "agent/base/fd.h"

namespace warden::audit {
namespace {

constexpr size_t kBlockBytes = 256 * 1024;

// Written and not only allocated: the first write into an allocated block is again the file system's
// business.
bool fill(int fd, uint64_t from, uint64_t to) {
  const std::string zeros(kBlockBytes, '\0');
  while (from < to) {
    const ssize_t n =
        ::pwrite(fd, zeros.data(), std::min<uint64_t>(zeros.size(), to - from), static_cast<off_t>(from));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    from += static_cast<uint64_t>(n);
  }
  return ::fsync(fd) == 0;
}

}  // namespace

bool preallocate_wal(const std::string& path, uint64_t bytes) {
  const Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0) return false;
  const auto before = static_cast<uint64_t>(status.st_size);
  if (before >= bytes || fill(fd.get(), before, bytes)) return true;
  // What could not be taken whole is given back, since on a full disk others need it more. Where even that
  // fails the zeros stay, which does no harm.
  [[maybe_unused]] const int given_back = ::ftruncate(fd.get(), status.st_size);
  return false;
}

}  // namespace warden::audit
