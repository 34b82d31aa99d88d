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

#include "agent/app/sandbox.h"
#include "agent/base/file.h"

namespace warden::app {
namespace {

// Descriptor numbers in the worker.
constexpr int kLinkFd = 3;  // then the listeners: 4 for IPv4, 5 for IPv6
constexpr int kListenerV6Fd = 5;
constexpr int kFirstFree = 16;

std::unexpected<Error<SpawnError>> failed(SpawnError code, const std::string& what) {
  return fail(code, what + ": " + std::strerror(errno));
}

// Runs between fork and exec: async-signal-safe calls only. `fds` stand above the target numbers, so dup2 clobbers none.
[[noreturn]] void become_worker(const WorkerAccount& account, int cgroup_procs, const std::array<int, 3>& fds,
                                char* const argv[], char* const envp[]) {
  const bool moved = ::write(cgroup_procs, "0", 1) == 1;
  for (size_t i = 0; i < fds.size(); ++i)
    if (fds[i] >= 0) ::dup2(fds[i], kLinkFd + static_cast<int>(i));
  // Without an IPv6 listener its number may be anything the supervisor has open.
  const int used = fds[2] >= 0 ? kListenerV6Fd : kLinkFd + 1;
  ::close_range(static_cast<unsigned>(used) + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (!moved || !drop_privileges(account.uid, account.gid)) ::_exit(127);
  ::execve("/proc/self/exe", argv, envp);
  ::_exit(127);
}

}  // namespace

Result<Spawned, SpawnError> spawn_worker(const WorkerAccount& account, const std::string& cgroup,
                                         intercept::ListenerPair listeners) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return failed(SpawnError::no_socket, "socketpair");
  Fd ours(ends[0]);
  const Fd theirs(ends[1]);
  ::fcntl(ours.get(), F_SETFL, O_NONBLOCK);
  const Fd procs(::open((cgroup + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
  if (!procs) return failed(SpawnError::no_cgroup, cgroup);

  std::array<int, 3> fds = {theirs.get(), listeners.v4.get(), listeners.v6.get()};
  std::array<Fd, 3> raised;
  for (size_t i = 0; i < fds.size(); ++i)
    if (fds[i] >= 0) raised[i].reset(fds[i] = ::fcntl(fds[i], F_DUPFD_CLOEXEC, kFirstFree));

  std::string supervisor = std::to_string(::getpid());
  std::string has_v6 = listeners.v6 ? "1" : "0";
  std::array<char*, 5> argv = {const_cast<char*>("egresswardend"), const_cast<char*>("--worker"), supervisor.data(),
                               has_v6.data(), nullptr};
  std::array<char*, 2> envp = {const_cast<char*>("LANG=C.UTF-8"), nullptr};
  const pid_t pid = ::fork();
  if (pid < 0) return failed(SpawnError::no_process, "fork");
  if (pid == 0) become_worker(account, procs.get(), fds, argv.data(), envp.data());
  return Spawned{pid, std::move(ours)};
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
