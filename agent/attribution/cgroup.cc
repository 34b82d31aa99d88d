// SPDX-License-Identifier: Apache-2.0
#include "agent/attribution/cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <sstream>

#include "agent/base/file.h"

namespace warden::attribution {
namespace {

constexpr int kFileidKernfs = 0xfe;  // include/linux/exportfs.h: the handle is the 64-bit kernfs id
constexpr size_t kDepthMax = 64;

std::string unescape_octal(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      out += static_cast<char>((text[i + 1] - '0') << 6 | (text[i + 2] - '0') << 3 | (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

// Opens a cgroup by id alone; needs CAP_DAC_READ_SEARCH.
Fd open_by_id(int mount, uint64_t id) {
  alignas(file_handle) std::array<char, sizeof(file_handle) + sizeof id> storage{};
  auto* const handle = reinterpret_cast<file_handle*>(storage.data());
  handle->handle_bytes = sizeof id;
  handle->handle_type = kFileidKernfs;
  std::memcpy(storage.data() + sizeof(file_handle), &id, sizeof id);
  return Fd(::open_by_handle_at(mount, handle, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

}  // namespace

std::optional<std::string> cgroup2_mount(const std::string& mountinfo) {
  std::istringstream lines(mountinfo);
  for (std::string line; std::getline(lines, line);) {
    const size_t dash = line.find(" - ");
    if (dash == std::string::npos || line.compare(dash + 3, 8, "cgroup2 ") != 0) continue;
    std::istringstream words(line);
    std::string word;
    for (int i = 0; i < 5; ++i) words >> word;
    return unescape_octal(word);
  }
  return std::nullopt;
}

std::optional<std::string> cgroup2_line(const std::string& proc_cgroup) {
  std::istringstream lines(proc_cgroup);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("0::/")) continue;
    line.erase(0, 3);
    if (line.ends_with(" (deleted)")) line.resize(line.size() - 10);
    return line;
  }
  return std::nullopt;
}

// In a booted container the hierarchy starts at a cgroup of the host's. Names mean what they say all the same
// if the service manager of this pid namespace built its tree right there: process 1 is root's to start, and
// nobody else's to move.
bool Cgroups::init_stands_at_root(dev_t cgroupfs) const {
  const auto cgroup = read_file("/proc/1/cgroup", 65536);
  if (!cgroup || cgroup2_line(*cgroup) != "/init.scope") return false;
  struct stat st {};
  return ::fstatat(mount_.get(), "init.scope", &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_uid == 0 &&
         st.st_dev == cgroupfs;
}

bool Cgroups::open_mount() {
  if (mount_) return true;
  const auto mountinfo = read_file("/proc/self/mountinfo", 16 << 20);
  const auto path = mountinfo ? cgroup2_mount(*mountinfo) : std::nullopt;
  if (!path) return false;
  mount_.reset(::open(path->c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat st {};
  if (!mount_ || ::fstat(mount_.get(), &st) != 0) return false;
  mount_path_ = *path == "/" ? "" : *path;
  real_root_ = st.st_ino == 1 || init_stands_at_root(st.st_dev);
  return true;
}

std::optional<CgroupPlace> Cgroups::look(const std::string& path) const {
  CgroupPlace place{.path = path, .real_root = real_root_};
  struct stat st {};
  if (::fstat(mount_.get(), &st) != 0) return std::nullopt;
  bool trusted = st.st_uid == 0;
  Fd folder(::fcntl(mount_.get(), F_DUPFD_CLOEXEC, 0));
  size_t depth = 0;
  for (size_t at = 1; trusted && at < path.size() && depth < kDepthMax; ++depth) {
    const size_t end = std::min(path.find('/', at), path.size());
    const std::string name = path.substr(at, end - at);
    folder.reset(::openat(folder.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!folder || ::fstat(folder.get(), &st) != 0) return std::nullopt;
    trusted = st.st_uid == 0;
    if (trusted) ++place.root_owned;
    at = end + 1;
  }
  place.next_owner = st.st_uid;
  return place;
}

std::optional<CgroupPlace> Cgroups::remember(uint64_t id, std::optional<CgroupPlace> place) {
  if (!place) return place;
  if (known_.insert_or_assign(id, *place).second) order_.push_back(id);
  if (order_.size() > entries_max_) {
    known_.erase(order_.front());
    order_.pop_front();
  }
  return place;
}

std::optional<CgroupPlace> Cgroups::find(uint64_t id) {
  if (id == 0 || !open_mount()) return std::nullopt;
  if (const Fd fd = open_by_id(mount_.get(), id)) {
    char target[4096];
    const ssize_t n =
        ::readlink(("/proc/self/fd/" + std::to_string(fd.get())).c_str(), target, sizeof target);
    std::string path(target, n > 0 ? static_cast<size_t>(n) : 0);
    if (path.starts_with(mount_path_) && !path.ends_with(" (deleted)")) {
      path.erase(0, mount_path_.size());
      if (path.empty()) path = "/";
      if (auto place = remember(id, look(path))) return place;
    }
  }
  const auto seen = known_.find(id);
  return seen == known_.end() ? std::nullopt : std::optional(seen->second);
}

std::optional<CgroupPlace> Cgroups::find_at(uint64_t id, const std::string& path) {
  if (id == 0 || !open_mount() || path.find("/../") != std::string::npos) return std::nullopt;
  struct stat st {};
  const std::string relative = path == "/" ? "." : path.substr(1);
  if (::fstatat(mount_.get(), relative.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0 || st.st_ino != id)
    return std::nullopt;
  return remember(id, look(path));
}

}  // namespace warden::attribution
