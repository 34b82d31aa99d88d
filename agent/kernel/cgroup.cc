// SPDX-License-Identifier: Apache-2.0
// Where cgroup2 is, and what a cgroup's id is.
#include <fcntl.h>

#include <cstring>
#include <sstream>

#include "agent/base/file.h"
#include "agent/kernel/guard.h"

namespace warden::kernel {
namespace {

// mountinfo writes space, tab, newline and backslash as \ooo (proc(5)).
std::string unescape(const std::string& field) {
  std::string text;
  for (size_t i = 0; i < field.size(); ++i) {
    if (field[i] == '\\' && i + 3 < field.size()) {
      text += static_cast<char>((field[i + 1] - '0') * 64 + (field[i + 2] - '0') * 8 + (field[i + 3] - '0'));
      i += 3;
    } else {
      text += field[i];
    }
  }
  return text;
}

}  // namespace

std::optional<std::string> cgroup2_root() {
  const auto mounts = read_file("/proc/self/mountinfo");
  if (!mounts) return std::nullopt;
  std::istringstream lines(*mounts);
  std::string line;
  std::optional<std::string> found;
  while (std::getline(lines, line)) {
    const size_t dash = line.find(" - ");
    if (dash == std::string::npos || line.compare(dash + 3, 8, "cgroup2 ") != 0) continue;
    std::istringstream fields(line);
    std::string id, parent, device, root, point;
    fields >> id >> parent >> device >> root >> point;
    // A bind mount of a subtree is second choice: guarding it would leave the rest of the host out.
    if (root == "/") return unescape(point);
    if (!found) found = unescape(point);
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
