// SPDX-License-Identifier: Apache-2.0
// PinWatch: who removes pins, by fanotify(7). The guard finds out by itself that one is gone; this tells by whom.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "agent/base/fd.h"

namespace warden::kernel {

class PinWatch {
 public:
  // Of the folders `maps` and `links` in `bpffs_dir`. nullopt: the kernel does not tell (before Linux 6.6, or without
  // CONFIG_FANOTIFY), or there are no such folders.
  static std::optional<PinWatch> open(const std::string& bpffs_dir);

  [[nodiscard]] int fd() const { return fd_.get(); }  // readable when there is something to take
  // The processes, other than ours, that removed something or moved it away; each once. Some may have ended since.
  [[nodiscard]] std::vector<pid_t> take() const;
  // Again after the folders were made anew.
  void mark() const;

 private:
  PinWatch(Fd fd, std::string directory) : fd_(std::move(fd)), directory_(std::move(directory)) {}
  Fd fd_;
  std::string directory_;
};

}  // namespace warden::kernel
