// SPDX-License-Identifier: Apache-2.0
// Network namespaces as the agent meets them: opened by a process that lives in one, told apart by the kernel's cookie
// (which is never reused), entered by a thread of its own for as long as it takes to make sockets there.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "agent/base/fd.h"
#include "agent/base/result.h"

namespace warden::kernel {

enum class NetnsError { gone, not_permitted, no_thread };

class Netns {
 public:
  // The namespace of process `pid` of this pid namespace, now. Keeps it alive while it is held.
  static Result<Netns, NetnsError> of(pid_t pid);
  // The one that is mounted there, if that is what stands at `path`.
  static Result<Netns, NetnsError> at(const std::string& path);
  // The one that an open descriptor leads to.
  static Result<Netns, NetnsError> of(Fd fd);

  [[nodiscard]] uint64_t cookie() const { return cookie_; }  // SO_NETNS_COOKIE
  [[nodiscard]] ino_t inode() const { return inode_; }       // as /proc/PID/ns/net shows it
  // The descriptor, for another process of ours; this object is of no use afterwards.
  [[nodiscard]] int release() { return fd_.release(); }

  // Whose it is: the user, as our own user namespace numbers them, who made the outermost of the user namespaces between ours
  // and the one that the network namespace belongs to, which are all that user's doing; 0 where there is none between.
  [[nodiscard]] uint32_t owner() const;

  // Runs `make` in a thread that has entered the namespace, and waits for it. What it creates stays there; the caller's
  // thread never leaves its own. Needs CAP_SYS_ADMIN.
  Result<void, NetnsError> run(const std::function<void()>& make) const;

 private:
  explicit Netns(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
  uint64_t cookie_ = 0;
  ino_t inode_ = 0;
};

// Where network namespaces are mounted, one path for each by inode: those of our own mount namespace and of the first process's.
// A container runtime, or `ip netns`, keeps them so while nobody lives there.
std::map<ino_t, std::string> mounted_netns();

// The calling thread's. Before Linux 5.14 this takes the privileges to load and attach a program. 0: it is not told.
uint64_t own_netns_cookie();
uint64_t netns_cookie_by_program();  // how it is learned before 5.14; works later too, which is what tests need

}  // namespace warden::kernel
