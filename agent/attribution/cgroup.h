// SPDX-License-Identifier: Apache-2.0
// Cgroups: from a cgroup2 id to its path, and how far down that path root alone chose the names. An id names
// one cgroup for the uptime, so what was learnt stays true after the cgroup is gone.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>

#include "agent/base/fd.h"

namespace warden::attribution {

struct CgroupPlace {
  std::string path;  // from the hierarchy's root: "/system.slice/ssh.service"
  size_t root_owned =
      0;  // how many leading components are directories owned by uid 0 (a forger cannot make those)
  uint32_t next_owner = 0;  // owner of the component after those, when there is one
  bool real_root = false;   // names mean what they say: the mount shows the true root (inode 1), or the one
                            // that init manages
};

class Cgroups {
 public:
  explicit Cgroups(size_t entries_max = 4096) : entries_max_(entries_max) {}
  // nullopt: no cgroup2 here, or the cgroup is gone and was never seen.
  std::optional<CgroupPlace> find(uint64_t id);
  // The same by a path that /proc/PID/cgroup showed; only if that directory has this id.
  std::optional<CgroupPlace> find_at(uint64_t id, const std::string& path);

 private:
  bool open_mount();
  [[nodiscard]] bool init_stands_at_root(dev_t cgroupfs) const;
  std::optional<CgroupPlace> look(const std::string& path) const;
  std::optional<CgroupPlace> remember(uint64_t id, std::optional<CgroupPlace> place);

  size_t entries_max_;
  Fd mount_;
  std::string mount_path_;
  bool real_root_ = false;
  std::map<uint64_t, CgroupPlace> known_;
  std::list<uint64_t> order_;  // oldest first
};

// Mount point of the first cgroup2 in a mountinfo text (proc(5)), octal escapes undone.
std::optional<std::string> cgroup2_mount(const std::string& mountinfo);
// The cgroup2 line of /proc/PID/cgroup ("0::/path").
std::optional<std::string> cgroup2_line(const std::string& proc_cgroup);

}  // namespace warden::attribution
