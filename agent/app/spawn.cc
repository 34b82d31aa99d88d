// SPDX-License-Identifier: Apache-2.0
#include "agent/app/spawn.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <vector>

#include "agent/app/sandbox.h"
#include "agent/app/spool_files.h"
#include "agent/base/file.h"

namespace warden::app {
namespace {

// Descriptor numbers in the worker, one after the other: the link, the listeners for IPv4 and IPv6, the passage, the spool
// files.
constexpr int kLinkFd = 3;
constexpr int kFirstFree = kLinkFd + 4 + static_cast<int>(kSpoolFilesMax);

std::unexpected<Error<SpawnError>> failed(SpawnError code, const std::string& what) {
  return fail(code, what + ": " + std::strerror(errno));
}

struct Pair {
  Fd ours, theirs;
};

Pair socket_pair(int type) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()) != 0) return {};
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return {Fd(ends[0]), Fd(ends[1])};
}

// Runs between fork and exec: async-signal-safe calls only. `fds` stand above the target numbers, so dup2 clobbers none.
[[noreturn]] void become_worker(const WorkerAccount& account, int cgroup_procs, std::span<const int> fds,
                                char* const argv[], char* const envp[]) {
  const bool moved = ::write(cgroup_procs, "0", 1) == 1;
  // Where one is absent, its number may be anything the supervisor has open.
  ::close_range(kLinkFd, ~0U, CLOSE_RANGE_CLOEXEC);
  for (size_t i = 0; i < fds.size(); ++i)
    if (fds[i] >= 0) ::dup2(fds[i], kLinkFd + static_cast<int>(i));
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (!moved || !drop_privileges(account.uid, account.gid)) ::_exit(127);
  ::execve("/proc/self/exe", argv, envp);
  ::_exit(127);
}

}  // namespace

Result<Spawned, SpawnError> spawn_worker(const WorkerAccount& account, const std::string& cgroup,
                                         intercept::ListenerPair listeners, std::span<const Fd> spool_files) {
  auto link = socket_pair(SOCK_STREAM);
  auto passage = socket_pair(SOCK_SEQPACKET);
  if (!link.ours || !passage.ours) return failed(SpawnError::no_socket, "socketpair");
  const Fd procs(::open((cgroup + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
  if (!procs) return failed(SpawnError::no_cgroup, cgroup);

  std::vector<int> fds = {link.theirs.get(), listeners.v4.get(), listeners.v6.get(), passage.theirs.get()};
  for (const Fd& file : spool_files) fds.push_back(file.get());
  std::vector<Fd> raised;
  for (int& fd : fds)
    if (fd >= 0) fd = raised.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, kFirstFree)).get();

  std::string supervisor = std::to_string(::getpid());
  std::string has_v6 = listeners.v6 ? "1" : "0";
  std::string files = std::to_string(spool_files.size());
  std::array<char*, 6> argv = {const_cast<char*>("egresswardend"), const_cast<char*>("--worker"), supervisor.data(),
                               has_v6.data(), files.data(), nullptr};
  std::array<char*, 2> envp = {const_cast<char*>("LANG=C.UTF-8"), nullptr};
  const pid_t pid = ::fork();
  if (pid < 0) return failed(SpawnError::no_process, "fork");
  if (pid == 0) become_worker(account, procs.get(), fds, argv.data(), envp.data());
  return Spawned{pid, std::move(link.ours), std::move(passage.ours)};
}

Result<std::string, SpawnError> workers_cgroup(const std::string& cgroup2_root, const std::string& instance) {
  auto own = read_file("/proc/self/cgroup", 1 << 20);
  if (!own) return fail(SpawnError::no_cgroup, own.error().detail);
  const size_t at = own->find("0::");
  if (at == std::string::npos || (at != 0 && (*own)[at - 1] != '\n'))
    return fail(SpawnError::no_cgroup, "/proc/self/cgroup has no cgroup2 line: mount cgroup2");
  std::string path = own->substr(at + 3, own->find('\n', at) - at - 3);
  if (path == "/") path.clear();
  std::string folder = cgroup2_root + path + "/egresswarden-workers-" + instance;
  if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) return failed(SpawnError::no_cgroup, folder);
  return folder;
}

}  // namespace warden::app
