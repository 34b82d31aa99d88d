// SPDX-License-Identifier: Apache-2.0
// Where cgroup2 is, and what a cgroup's id is.
#include <fcntl.h>

#include <cstring>

#include "agent/base/file.h"
#include "agent/kernel/guard.h"
#include "agent/kernel/mounts.h"

namespace warden::kernel {

std::optional<std::string> cgroup2_root() {
  const auto mounts = read_file("/proc/self/mountinfo");
  if (!mounts) return std::nullopt;
  std::optional<std::string> found;
  for (const Mount& mount : parse_mounts(*mounts)) {
    if (mount.type != "cgroup2") continue;
    // A bind mount of a subtree is second choice: guarding it would leave the rest of the host out.
    if (mount.root == "/") return mount.point;
    if (!found) found = mount.point;
  }
  return found;
}

std::optional<uint64_t> cgroup_id(const std::string& path) {
  // A kernfs file handle is the 64-bit node id, which is what bpf_get_current_cgroup_id() returns.
  alignas(file_handle) char space[sizeof(file_handle) + 8] = {};
  auto* handle = reinterpret_cast<file_handle*>(space);
  handle->handle_bytes = 8;
  int mount = 0;
  if (::name_to_handle_at(AT_FDCWD, path.c_str(), handle, &mount, 0) != 0 || handle->handle_bytes != 8)
    return std::nullopt;
  uint64_t id = 0;
  std::memcpy(&id, space + offsetof(file_handle, f_handle), sizeof id);
  return id;
}

}  // namespace warden::kernel
