// SPDX-License-Identifier: Apache-2.0
#include "agent/attribution/procfs.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <memory>

#include "agent/attribution/wire.h"

namespace warden::attribution {
namespace {

template <class T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<ProcDir> ProcDir::open(int32_t pid) {
  Fd fd(::open(("/proc/" + std::to_string(pid)).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  return ProcDir(std::move(fd));
}

std::optional<std::string> ProcDir::file(const char* name, size_t bytes_max) const {
  const Fd fd(::openat(fd_.get(), name, O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  std::string content;
  char block[4096];
  while (content.size() < bytes_max) {
    const ssize_t n = ::read(fd.get(), block, std::min(sizeof block, bytes_max - content.size()));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::nullopt;
    if (n == 0) break;
    content.append(block, static_cast<size_t>(n));
  }
  return content;
}

std::optional<std::string> ProcDir::link(const char* name) const {
  char target[kTextBytesMax];
  const ssize_t n = ::readlinkat(fd_.get(), name, target, sizeof target);
  if (n < 0) return std::nullopt;
  return std::string(target, static_cast<size_t>(n));
}

Fd ProcDir::open_exe() const {
  return Fd(::openat(fd_.get(), "exe", O_RDONLY | O_CLOEXEC | O_NONBLOCK));
}

Fd ProcDir::open_seen(const std::string& path) const {
  const Fd root(::openat(fd_.get(), "root", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root || path.empty()) return {};
  std::string whole = path;
  if (path[0] != '/') {
    // The folder's name counts only where the process's root has that very folder under it.
    const auto name = link("cwd");
    const Fd folder = name ? open_in_root(root.get(), *name, O_PATH | O_DIRECTORY) : Fd();
    struct stat named {}, real {};
    if (!folder || ::fstat(folder.get(), &named) != 0 || ::fstatat(fd_.get(), "cwd", &real, 0) != 0) return {};
    if (named.st_ino != real.st_ino || named.st_dev != real.st_dev) return {};
    whole = *name + "/" + path;
  }
  const Fd found = open_in_root(root.get(), whole, O_PATH);
  struct stat st {};
  struct statfs fs {};
  if (!found || ::fstat(found.get(), &st) != 0 || !S_ISREG(st.st_mode)) return {};
  // Files that are made when they are read may block, or tell the reader what the process may not know.
  if (::fstatfs(found.get(), &fs) != 0 || fs.f_type == PROC_SUPER_MAGIC || fs.f_type == SYSFS_MAGIC ||
      fs.f_type == DEBUGFS_MAGIC || fs.f_type == TRACEFS_MAGIC)
    return {};
  return Fd(::open(("/proc/self/fd/" + std::to_string(found.get())).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
}

std::optional<ProcStat> ProcDir::stat() const {
  const auto line = file("stat", 4096);
  return line ? parse_stat(*line) : std::nullopt;
}

std::optional<ProcStat> parse_stat(std::string_view line) {
  // The name is whatever the process chose, brackets and spaces included: the last ')' ends it.
  const size_t open = line.find('(');
  const size_t close = line.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return std::nullopt;
  ProcStat stat{.comm = std::string(line.substr(open + 1, close - open - 1))};
  line.remove_prefix(close + 1);
  // Fields 3 (state) to 22 (starttime); 4 is the parent.
  for (int field = 3; field <= 22; ++field) {
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    const std::string_view word = line.substr(0, line.find_first_of(" \n"));
    line.remove_prefix(word.size());
    if (field == 4) {
      const auto ppid = number<int32_t>(word);
      if (!ppid) return std::nullopt;
      stat.ppid = *ppid;
    } else if (field == 22) {
      const auto start = number<uint64_t>(word);
      if (!start) return std::nullopt;
      stat.start_ticks = *start;
    }
  }
  return stat;
}

std::vector<std::string> split_arguments(std::string_view cmdline) {
  std::vector<std::string> arguments;
  while (!cmdline.empty() && arguments.size() < kItemsMax) {
    const size_t end = std::min(cmdline.find('\0'), cmdline.size());
    arguments.emplace_back(cmdline.substr(0, std::min(end, kTextBytesMax)));
    cmdline.remove_prefix(std::min(end + 1, cmdline.size()));
  }
  return arguments;
}

ino_t netns_of(int32_t pid) {
  struct stat status {};
  return ::stat(("/proc/" + std::to_string(pid) + "/ns/net").c_str(), &status) == 0 ? status.st_ino : 0;
}

std::vector<int32_t> all_pids() {
  std::vector<int32_t> pids;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir("/proc"), ::closedir);
  if (!folder) return pids;
  while (const dirent* entry = ::readdir(folder.get()))
    if (const auto pid = number<int32_t>(entry->d_name)) pids.push_back(*pid);
  return pids;
}

Fd open_in_root(int root, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  return Fd(static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how)));
}

uint64_t ticks_of_ns(uint64_t boottime_ns) {
  static const uint64_t ns_per_tick = 1'000'000'000ULL / static_cast<uint64_t>(::sysconf(_SC_CLK_TCK));
  return boottime_ns / ns_per_tick;
}

uint64_t us_of_ticks(uint64_t ticks) {
  static const uint64_t us_per_tick = 1'000'000ULL / static_cast<uint64_t>(::sysconf(_SC_CLK_TCK));
  return ticks * us_per_tick;
}

}  // namespace warden::attribution
