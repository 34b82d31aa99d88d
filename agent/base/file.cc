// SPDX-License-Identifier: Apache-2.0
#include "agent/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "agent/base/fd.h"

namespace warden {
namespace {

std::unexpected<Error<FileError>> failed(FileError code, const std::string& path) {
  return fail(code, path + ": " + std::strerror(errno));
}

bool write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    content.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

}  // namespace

Result<std::string, FileError> read_file(const std::string& path, size_t bytes_max) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return failed(FileError::cannot_open, path);
  std::string content;
  char block[16384];
  for (;;) {
    const ssize_t n = ::read(fd.get(), block, sizeof block);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed(FileError::cannot_read, path);
    if (n == 0) return content;
    content.append(block, static_cast<size_t>(n));
    if (content.size() > bytes_max) return fail(FileError::too_large, path + ": more than the permitted bytes");
  }
}

Result<void, FileError> write_file(const std::string& path, std::string_view content, mode_t mode) {
  const std::string temporary = path + ".new";
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  {
    const Fd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
    if (!fd) return failed(FileError::cannot_open, temporary);
    if (::fchmod(fd.get(), mode) != 0 || !write_all(fd.get(), content) || ::fsync(fd.get()) != 0)
      return failed(FileError::cannot_write, temporary);
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) return failed(FileError::cannot_write, path);
  const Fd directory(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || ::fsync(directory.get()) != 0) return failed(FileError::cannot_write, folder.string());
  return {};
}

}  // namespace warden
