// SPDX-License-Identifier: Apache-2.0
// Mounts, as /proc/PID/mountinfo lists them (proc(5)).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace warden::kernel {

struct Mount {
  std::string root;   // within its file system; of a namespace "net:[4026531840]"
  std::string point;  // as the process sees it
  std::string type;   // of the file system: "cgroup2", "nsfs"
};

// Lines of another form are left out.
std::vector<Mount> parse_mounts(std::string_view mountinfo);

}  // namespace warden::kernel
