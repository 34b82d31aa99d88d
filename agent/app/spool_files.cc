// SPDX-License-Identifier: Apache-2.0
#include "agent/app/spool_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "agent/base/log.h"

namespace warden::app {
namespace {

Fd open_unnamed(const std::string& folder) {
  Fd file(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (file || (errno != EOPNOTSUPP && errno != EISDIR)) return file;
  // overlayfs before Linux 6.3, as below a container without a volume: with a name for a moment.
  std::string path = folder + "/.spool-XXXXXX";
  file.reset(::mkostemp(path.data(), O_CLOEXEC));
  if (file) ::unlink(path.c_str());
  return file;
}

}  // namespace

size_t spool_files_wanted(uint64_t bodies_bytes_max, uint64_t spool_over_bytes) {
  if (spool_over_bytes == 0) return 0;
  return static_cast<size_t>(std::clamp<uint64_t>(bodies_bytes_max / spool_over_bytes, 1, kSpoolFilesMax));
}

std::vector<Fd> open_spool_files(const std::string& folder, size_t count) {
  std::vector<Fd> files;
  while (files.size() < count) {
    Fd file = open_unnamed(folder);
    if (!file) {
      log::error("{}: only {} of {} files for large bodies: {}", folder, files.size(), count, std::strerror(errno));
      break;
    }
    files.push_back(std::move(file));
  }
  return files;
}

}  // namespace warden::app
