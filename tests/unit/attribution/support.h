// SPDX-License-Identifier: Apache-2.0
// Real child processes and the facts the kernel half would report of them.
#pragma once

#include <fcntl.h>
#include <linux/sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include "agent/attribution/procfs.h"
#include "agent/kernel/guard.h"

namespace warden::attribution {

// A child running `arguments`; execve() has returned when the constructor does.
class Child {
 public:
  // `number`: the pid it shall have, if that is free.
  explicit Child(std::vector<std::string> arguments, pid_t number = 0) {
    int ready[2];
    if (::pipe2(ready, O_CLOEXEC) != 0) std::abort();
    clone_args wanted{};
    wanted.exit_signal = SIGCHLD;
    if (number != 0) {
      wanted.set_tid = reinterpret_cast<uint64_t>(&number);
      wanted.set_tid_size = 1;
    }
    pid_ = static_cast<pid_t>(::syscall(SYS_clone3, &wanted, sizeof wanted));
    if (pid_ == 0) {
      std::vector<char*> argv;
      for (auto& a : arguments) argv.push_back(a.data());
      argv.push_back(nullptr);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    ::close(ready[1]);
    char byte;
    [[maybe_unused]] const ssize_t n = ::read(ready[0], &byte, 1);  // ends when exec closes the child's side
    ::close(ready[0]);
  }
  ~Child() { stop(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  [[nodiscard]] pid_t pid() const { return pid_; }
  void stop() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_ = -1;
};

inline kernel::ProcessFacts kernel_facts_of(pid_t pid) {
  kernel::ProcessFacts facts;
  const auto stat = ProcDir::open(pid)->stat();
  facts.tgid = facts.tid = pid;
  facts.ppid = stat->ppid;
  facts.start_boottime_ns = stat->start_ticks * 10'000'000 + 1234;
  facts.comm = stat->comm;
  facts.uid = ::getuid();
  facts.gid = ::getgid();
  struct stat st {};
  if (::stat(("/proc/" + std::to_string(pid) + "/exe").c_str(), &st) == 0) {
    facts.exe_inode = st.st_ino;
    facts.exe_device = st.st_dev;
  }
  return facts;
}

}  // namespace warden::attribution
