// SPDX-License-Identifier: Apache-2.0
// Sandbox: a cgroup and a bpffs folder of the test's own, a guard on them, and processes inside. Everything
// is removed at the end by a janitor process, which outlives the test whatever ends it.
//
// WARDEN_GUARD_ROOT=1 guards the root of the cgroup2 mount instead, as a host does. Only for machines that exist for
// the test (tests/kernels): every process of the machine is then guarded, so cases that need one outside do not hold.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/base/address.h"
#include "agent/base/fd.h"
#include "agent/kernel/guard.h"
#include "agent/kernel/netns.h"

namespace warden::kernel {

// A forked process, moved into a cgroup before `body` runs. What body writes to its descriptor is `output()`.
class Child {
 public:
  Child(const std::string& cgroup, const std::function<int(int out)>& body);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();  // kills it if it still runs

  [[nodiscard]] pid_t pid() const { return pid_; }
  std::string read(size_t bytes);  // waits for so many bytes of output
  int wait();                      // the body's return value; -1 if a signal ended it

 private:
  pid_t pid_ = -1;
  Fd output_;
};

// Runs body in the cgroup to its end.
int run_inside(const std::string& cgroup, const std::function<int()>& body);

// connect() by a socket of type; 0 or errno. A successful socket is left in `kept` when given.
int try_connect(const std::string& ip, uint16_t port, int type, Fd* kept = nullptr);
// The IPv4 address as an IPv4-mapped one, by an AF_INET6 socket.
int try_connect_mapped(const std::string& ip, uint16_t port, Fd* kept = nullptr);

// A TCP listener at 127.0.0.1 (or another address) and, for `both`, at [::1] with the same port.
class Listener {
 public:
  explicit Listener(const std::string& ip = "127.0.0.1", bool both = true);
  struct Accepted {
    Fd socket;
    Endpoint peer, local;
  };
  Accepted accept(int timeout_ms = 2000);
  [[nodiscard]] uint16_t port() const { return port_; }

 private:
  bool bind_at(const std::string& ip, uint16_t port);

  std::vector<Fd> sockets_;
  uint16_t port_ = 0;
};

class Sandbox {
 public:
  Sandbox();
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;
  ~Sandbox();

  [[nodiscard]] const std::string& cgroup() const { return cgroup_; }
  [[nodiscard]] const std::string& bpffs() const { return bpffs_; }
  [[nodiscard]] GuardConfig config() const;
  [[nodiscard]] bool guards_root() const { return guards_root_; }
  // A guard that beats and sends this namespace's LLM connections to `listener`.
  std::unique_ptr<Guard> open_guard(const Listener& listener);

 private:
  std::string cgroup_, bpffs_, root_;
  bool guards_root_ = false;
  Fd alive_;  // the janitor cleans when this closes
  pid_t janitor_ = -1;
};

}  // namespace warden::kernel
