// SPDX-License-Identifier: Apache-2.0
// ProcessTable: every process the kernel told us of, by (tgid, start time), so that a process which exits
// right after sending is still known, and one that got its pid is not taken for it. Fed with exec, fork and
// exit facts and by one scan of /proc at start. Bounded: the longest unused go first; exited ones are kept
// for some minutes. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/attribution/identity.h"
#include "agent/attribution/image.h"
#include "agent/attribution/procfs.h"
#include "agent/kernel/guard.h"

namespace warden::attribution {

// start_ticks is what /proc can tell (10 ms); start_ns is 0 until the kernel half told it.
struct ProcessKey {
  int32_t tgid = 0;
  uint64_t start_ticks = 0;
  auto operator<=>(const ProcessKey&) const = default;
};

// What the kernel half told of a process last, for when a later event only names it.
struct Credentials {
  uint32_t euid = 0, loginuid = ~0u, session = ~0u;
  uint64_t netns_cookie = 0;
};

struct Process {
  ProcessKey key;
  uint64_t start_ns = 0;
  ProcessKey parent;  // who forked it; tgid 0: nobody (init) or not known
  uint64_t parent_start_ns = 0;  // 0: not told
  bool parent_known = false;
  std::string comm;
  std::optional<Credentials> credentials;
  std::shared_ptr<Image> image;
  std::shared_ptr<Image> image_before;  // until image_since_ns, of which there is one if an exec was seen
  uint64_t image_since_ns = 0;
  std::optional<std::chrono::steady_clock::time_point> exited;
};

class ProcessTable {
 public:
  struct Limits {
    size_t processes_max = 65536;
    std::chrono::seconds keep_exited{300};
  };
  ProcessTable() : ProcessTable(Limits{}) {}
  explicit ProcessTable(Limits limits);

  void scan();  // once, after the kernel programs are attached, so that nothing falls between
  // `boot_ns`: when it happened; 0: not told.
  void on_exec(const kernel::ProcessFacts& facts, std::string_view filename, uint64_t boot_ns = 0);
  // Who called fork(); tgid 0: its parent.
  struct Creator {
    int32_t tgid = 0;
    uint64_t start_boottime_ns = 0;
  };
  void on_fork(const kernel::ProcessFacts& child) { on_fork(child, Creator()); }
  void on_fork(const kernel::ProcessFacts& child, Creator creator);
  void on_exit(const kernel::ProcessFacts& facts);

  // Facts that are only noted, made whole: from what was told of that process before, else from /proc while it is there. Still
  // noted afterwards: neither knows.
  kernel::ProcessFacts completed(const kernel::ProcessFacts& facts);
  // The process these facts are about, read from /proc when no event told of it yet; image and digest filled
  // in. As it was at `boot_ns` if that is given: it may have become another program since. Valid until the next call.
  const Process& find(const kernel::ProcessFacts& facts, uint64_t boot_ns = 0);
  Known<std::vector<Ancestor>> ancestry(const Process& process);
  void hash_aside(std::function<void()> wake) { images_.executables().hash_aside(std::move(wake)); }
  void collect_hashes() { images_.executables().collect(); }
  [[nodiscard]] size_t size() const { return processes_.size(); }
  [[nodiscard]] const Executables& executables() const { return images_.executables(); }

 private:
  using Order = std::list<ProcessKey>;
  struct Slot {
    Process process;
    Order::iterator place;
  };
  Process& touch(const ProcessKey& key, uint64_t start_ns);
  Process& touch(const kernel::ProcessFacts& facts);
  Process* lookup(const ProcessKey& key);
  Process* holder(int32_t pid, uint64_t not_after_ticks);
  Process* read_process(int32_t pid, uint64_t not_after_ticks, bool hash);
  const Process* parent_of(const ProcessKey& key, bool& top);
  Process* exact_parent(int32_t pid, uint64_t start_ns);
  void set_parent(Process& process, int32_t ppid, uint64_t parent_start_ns = 0);
  void read_upwards(ProcessKey key);
  void expire();
  void settle(std::shared_ptr<PendingDigest>& pending, Known<std::string>& digest);

  Limits limits_;
  Images images_;
  Process as_it_was_;
  std::map<ProcessKey, Slot> processes_;
  Order order_;  // least recently used first
};

}  // namespace warden::attribution
