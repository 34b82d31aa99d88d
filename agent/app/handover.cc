// SPDX-License-Identifier: Apache-2.0
#include "agent/app/handover.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "agent/app/wire.h"

namespace warden::app {
namespace {

constexpr std::string_view kMark = "egresswarden handover 1\n";

}  // namespace

Result<Fd, HandoverError> store(const Handover& handover) {
  std::string bytes(kMark);
  Packer{bytes}(handover);
  Fd file(::memfd_create("egresswarden-handover", 0));
  for (size_t at = 0; file && at < bytes.size();) {
    const ssize_t size = ::write(file.get(), bytes.data() + at, bytes.size() - at);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return fail(HandoverError::no_memory, std::string("memfd: ") + std::strerror(errno));
    at += static_cast<size_t>(size);
  }
  if (!file) return fail(HandoverError::no_memory, std::string("memfd: ") + std::strerror(errno));
  return file;
}

Result<Handover, HandoverError> load(int fd, const std::string& contract) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return fail(HandoverError::unreadable, std::string("memfd: ") + std::strerror(errno));
  std::string bytes(static_cast<size_t>(status.st_size), '\0');
  if (::pread(fd, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()) || !bytes.starts_with(kMark))
    return fail(HandoverError::unreadable, "not a handover of this form");
  Handover handover;
  // What follows a contract of another build may have another form.
  Unpacker first(std::string_view(bytes).substr(kMark.size()));
  first(handover.contract);
  if (handover.contract != contract) return fail(HandoverError::other_contract, "the running workers speak another protocol");
  Unpacker whole(std::string_view(bytes).substr(kMark.size()));
  whole(handover);
  if (!whole.done()) return fail(HandoverError::unreadable, "the handover is not whole");
  return handover;
}

std::vector<Fd> inherited_descriptors(int except) {
  std::vector<Fd> found;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir("/proc/self/fd"), ::closedir);
  if (!folder) return found;
  while (const dirent* entry = ::readdir(folder.get())) {
    const int fd = std::atoi(entry->d_name);
    if (fd <= STDERR_FILENO || fd == ::dirfd(folder.get()) || fd == except) continue;
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    found.emplace_back(fd);
  }
  return found;
}

}  // namespace warden::app
