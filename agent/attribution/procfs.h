// SPDX-License-Identifier: Apache-2.0
// ProcDir: one process as /proc shows it (proc(5)). Opened once: reads through it stay with that process or
// fail, so a pid that is used again cannot answer for its predecessor. Bounded reads; everything read is what
// the process may have forged except start time, parent, exe and cgroup.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/fd.h"

namespace warden::attribution {

struct ProcStat {
  int32_t ppid = 0;
  uint64_t start_ticks = 0;  // since boot, USER_HZ
  std::string comm;
};

class ProcDir {
 public:
  static std::optional<ProcDir> open(int32_t pid);
  [[nodiscard]] std::optional<ProcStat> stat() const;
  [[nodiscard]] std::optional<std::string> file(const char* name,
                                                size_t bytes_max) const;  // cut at bytes_max
  [[nodiscard]] std::optional<std::string> link(const char* name) const;
  [[nodiscard]] Fd open_exe() const;
  // A regular file by a path as the process itself would find it: in its root and from its working folder, links and all.
  // Nothing else is ever opened: a process may name devices, pipes and /proc.
  [[nodiscard]] Fd open_seen(const std::string& path) const;

 private:
  explicit ProcDir(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

std::optional<ProcStat> parse_stat(std::string_view line);
std::vector<std::string> split_arguments(std::string_view cmdline);  // NUL-separated; bounded as wire.h says
std::vector<int32_t> all_pids();
// The inode of the network namespace a process lives in; 0 when it is gone or not to be looked at.
ino_t netns_of(int32_t pid);
// Opens a path as if `root` were the root folder: absolute paths and links start there and cannot leave it.
Fd open_in_root(int root, const std::string& path, int flags);
uint64_t us_of_ticks(uint64_t ticks);
uint64_t ticks_of_ns(uint64_t boottime_ns);  // as the kernel rounds for /proc/PID/stat

}  // namespace warden::attribution
