// SPDX-License-Identifier: Apache-2.0
#include "agent/attribution/socket_owner.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <memory>
#include <string>

#include "agent/attribution/cgroup.h"
#include "agent/attribution/procfs.h"
#include "agent/base/file.h"

namespace warden::attribution {
namespace {

constexpr std::string_view kSocket = "socket:[";
constexpr uint64_t kTickNs = 10'000'000;  // USER_HZ is 100 on every architecture we run on

template <class Number>
std::optional<Number> number(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end != text.data() ? std::optional(value) : std::nullopt;
}

// The field at `index` of a line of /proc/PID/status such as "Uid:\t0\t0\t0\t0".
uint32_t status_field(const std::string& status, const std::string& name, int index) {
  size_t at = status.find("\n" + name + ":");
  if (at == std::string::npos) return 0;
  at += name.size() + 2;
  for (int i = 0; i < index; ++i) at = status.find('\t', at + 1);
  return at == std::string::npos ? 0 : number<uint32_t>(std::string_view(status).substr(at)).value_or(0);
}

std::optional<uint64_t> socket_inode(const std::string& link) {
  if (!link.starts_with(kSocket)) return std::nullopt;
  return number<uint64_t>(std::string_view(link).substr(kSocket.size()));
}

// Calls `found` with the inode of each socket the process has open; `left` counts the descriptors that may still be looked at.
template <class Found>
void each_socket(int32_t pid, size_t& left, Found&& found) {
  const std::string folder = "/proc/" + std::to_string(pid) + "/fd";
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(folder.c_str()), ::closedir);
  if (!open) return;
  while (const dirent* entry = left > 0 ? ::readdir(open.get()) : nullptr) {
    --left;
    char target[64];
    const ssize_t length = ::readlinkat(::dirfd(open.get()), entry->d_name, target, sizeof target);
    if (length <= 0) continue;
    if (const auto inode = socket_inode(std::string(target, static_cast<size_t>(length)))) found(*inode);
  }
}

// The number of a cgroup2 directory's inode is the cgroup's id.
uint64_t cgroup_id_at(const std::string& path) {
  const auto mounts = read_file("/proc/self/mountinfo", size_t{16} << 20);
  const auto mount = mounts ? cgroup2_mount(*mounts) : std::nullopt;
  struct stat directory {};
  return mount && ::stat((*mount + path).c_str(), &directory) == 0 ? directory.st_ino : 0;
}

}  // namespace

std::optional<kernel::ProcessFacts> facts_of(int32_t pid) {
  const auto proc = ProcDir::open(pid);
  const auto stat = proc ? proc->stat() : std::nullopt;
  const auto status = proc ? proc->file("status", 65536) : std::nullopt;
  if (!stat || !status) return std::nullopt;
  kernel::ProcessFacts facts;
  facts.tgid = facts.tid = pid;
  facts.ppid = stat->ppid;
  facts.start_boottime_ns = stat->start_ticks * kTickNs;
  facts.comm = stat->comm;
  facts.uid = status_field(*status, "Uid", 0);
  facts.euid = status_field(*status, "Uid", 1);
  facts.gid = status_field(*status, "Gid", 0);
  if (const auto text = proc->file("loginuid", 32)) facts.loginuid = number<uint32_t>(*text).value_or(~0u);
  if (const auto text = proc->file("sessionid", 32)) facts.session = number<uint32_t>(*text).value_or(~0u);
  const auto text = proc->file("cgroup", 65536);
  const auto path = text ? cgroup2_line(*text) : std::nullopt;
  if (path) facts.cgroup_id = cgroup_id_at(*path);
  struct stat exe {};
  if (const Fd file = proc->open_exe(); file && ::fstat(file.get(), &exe) == 0) {
    facts.exe_inode = exe.st_ino;
    facts.exe_device = exe.st_dev;
  }
  return facts;
}

std::map<uint64_t, kernel::ProcessFacts> owners_of_sockets(const std::set<uint64_t>& inodes, size_t descriptors_max) {
  std::map<uint64_t, kernel::ProcessFacts> owners;
  for (const int32_t pid : all_pids()) {
    if (owners.size() == inodes.size() || descriptors_max == 0) break;
    each_socket(pid, descriptors_max, [&](uint64_t inode) {
      if (!inodes.contains(inode) || owners.contains(inode)) return;
      if (auto facts = facts_of(pid)) owners.emplace(inode, std::move(*facts));
    });
  }
  return owners;
}

}  // namespace warden::attribution
