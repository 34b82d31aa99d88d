// SPDX-License-Identifier: Apache-2.0
// Files for large bodies, as the supervisor opens them.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "agent/base/fd.h"

namespace warden::pipeline {

inline std::vector<Fd> unnamed_files(size_t count, const std::string& folder = "/tmp") {
  std::vector<Fd> files;
  for (size_t i = 0; i < count; ++i) files.emplace_back(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  return files;
}

inline int64_t file_bytes(int fd) {
  struct stat info {};
  return ::fstat(fd, &info) == 0 ? info.st_size : -1;
}

}  // namespace warden::pipeline
