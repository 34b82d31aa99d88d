// SPDX-License-Identifier: Apache-2.0
// Guard: the kernel half, loaded, pinned and driven. The only folder that knows libbpf. Used by the supervisor's control
// thread alone.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/address.h"
#include "agent/base/fd.h"
#include "agent/base/result.h"
#include "agent/kernel/sockets.h"

namespace warden::kernel {

inline constexpr size_t kStrictPortsMax = 16;

enum class GuardError { no_btf, no_bpffs, no_cgroup, not_permitted, load_failed, pin_failed, busy, map_failed };

struct GuardConfig {
  std::string cgroup;       // absolute path of the cgroup2 directory to guard
  std::string bpffs_dir;    // where links and maps are pinned
  uint64_t exempt_cgroup = 0;  // id of the workers' cgroup: never redirected (0: none)
  bool pass_when_stale = false;  // intercept.on_agent_down: pass
  bool refuse_unknown_quic = false;
  bool refuse_special_sockets = false;  // intercept.raw_sockets: refuse
  bool pass_unreadable = false;  // intercept.unreadable_hello: record
  // Strict mode: TCP connections to these ports (at most kStrictPortsMax) are redirected wherever they lead; none: not strict.
  std::vector<uint16_t> strict_ports;
  std::chrono::milliseconds stale_after{1500};
  bool forget_listeners = false;  // those of the pins lead nowhere, however fresh the heartbeat is
};

// What the connect hook saw, before anything could change it.
struct ProcessFacts {
  int32_t tgid = 0, tid = 0, ppid = 0;
  uint64_t start_boottime_ns = 0;  // of the group leader
  uint64_t parent_start_boottime_ns = 0;  // of `ppid`; 0: not told
  uint32_t uid = 0, gid = 0, euid = 0;
  uint32_t loginuid = ~0u, session = ~0u;
  uint64_t cgroup_id = 0;
  uint64_t netns_cookie = 0;
  uint64_t exe_inode = 0;
  uint64_t exe_device = 0;
  bool noted = false;  // of all this only tgid, start time, uid, gid and cgroup_id are told: see EventKind::tripped
  std::string comm;                     // group leader's
  std::vector<std::string> cgroup_names;  // leaf first, a few levels
};

struct Flow {
  uint64_t socket_cookie = 0;
  uint64_t connect_boot_ns = 0;
  Endpoint original;  // where the application wanted to go
  std::string host;   // the name under which that address is guarded; only find_flow() fills it
  bool told = false;  // ours, configured or resolved; else learned from what DNS or a client said. Only find_flow()
  bool unknown = false;  // an address that is nobody's we know, redirected by strict mode. Only find_flow()
  ProcessFacts process;
};

enum class EventKind : uint8_t { connect, refused, exec, fork, exit, dns_learned, quic_refused, passed, tripped };

struct Event {
  EventKind kind;
  // connect, refused, quic_refused, passed, tripped; dns_learned: only `original`. Of a tripped TCP socket it is the process
  // that connected it, or where nobody saw that, one that sent on it, or none (tgid 0); only noted when another one, or none,
  // made the packet that tripped.
  Flow flow;
  ProcessFacts process;    // exec, fork (the child), exit
  std::string filename;    // exec: path as given to execve
  uint64_t boot_ns = 0;    // exec, fork, exit: when it happened
  // fork: who called it, which is not the parent when the child was asked for as a sibling (CLONE_PARENT).
  int32_t creator_tgid = 0;
  uint64_t creator_start_boottime_ns = 0;
  std::string host;        // dns_learned; tripped: the name that was read, if any
  // refused, quic_refused, passed: "agent_stale", "no_listener", "quic", "unknown_quic", "map_full", "not_stream"
  // each of these that is refused or dropped: "unrecorded", when it might have passed, but there was no room to record it
  // refused, passed without destination: "raw_socket", "sctp_socket", "packet_socket", "xdp_socket"
  // tripped: "tripwire", "tunnel", "unreadable_hello", "not_hooked", "rewritten", "map_full"
  std::string reason;
  // tripped: what is to be ended, and whether it is a TCP socket whose packet was dropped.
  SocketName socket;
  bool is_tcp = false, dropped = false;
};

// connects_seen counts every connect() of the subtree; passed the LLM destinations let through (exempt cgroup, or stale
// and configured so). What is in none of redirected, refused and passed was no LLM's and went its way.
struct Counters {
  uint64_t connects_seen = 0, redirected = 0, refused = 0, passed = 0, events_dropped = 0, dns_answers = 0, dns_learned = 0;
};

// Events that were not delivered, since their ring was full or their user's share of it used up. What they told of was
// refused, or decided nothing: what may pass only if it is recorded does not pass unrecorded.
struct Loss {
  std::optional<uint32_t> uid;  // not known of whom
  std::string reason;  // as of events; "process_events", "notices" of those that decide nothing
  uint64_t count = 0;
};

class Guard {
 public:
  // Loads and attaches, or takes over the pins of an earlier agent (maps are kept, programs replaced atomically).
  static Result<std::unique_ptr<Guard>, GuardError> open(const GuardConfig& config);
  virtual ~Guard() = default;  // leaves the pins: the guard outlives the agent

  virtual void beat() = 0;  // writes the heartbeat
  // Where redirected connections of this network namespace go: 127.0.0.1 and [::1] at this port, which must not serve
  // another namespace (`busy`: listen at another). Port 0 ends the namespace's service: its LLM connections are refused.
  virtual Result<void, GuardError> set_listener(uint64_t netns_cookie, uint16_t port) = 0;
  // The network namespaces that an earlier agent served when it left the pins, whether or not the listeners are still in force.
  [[nodiscard]] virtual const std::vector<uint64_t>& served_before() const = 0;
  // LLM destinations: by address and port, and by name for in-kernel DNS learning ("*.x.y" one label, "x.y" exact).
  // Ageing ones are forgotten a day after they were last added.
  enum class Lifetime : uint8_t { permanent, ageing };
  virtual Result<void, GuardError> add_destination(const Endpoint& endpoint, std::string_view host,
                                                   Lifetime lifetime = Lifetime::permanent) = 0;
  // Ageing and learned destinations whose time is over; from time to time.
  virtual void forget_old_destinations() = 0;
  virtual Result<void, GuardError> set_names(const std::vector<std::pair<std::string, uint16_t>>& host_ports) = 0;
  // In strict mode: whether connections to addresses that nobody knows are redirected just now; else they go their own way,
  // watched as without that mode.
  virtual Result<void, GuardError> suspend_strict(bool suspended) = 0;
  // Lets a socket that process `pid` has open go on to wherever it leads. False: it was not found there.
  virtual bool spare_socket(pid_t pid, uint64_t inode) = 0;
  // The flow of an accepted connection, by the peer's address as accept() shows it (local = the listener's side).
  // nullopt: nobody was redirected here from there (a direct connection to our port). Answers once per connection: the
  // entry is taken, so that a later direct connection from the same port does not inherit the identity.
  virtual std::optional<Flow> find_flow(const Endpoint& peer, const Endpoint& local) = 0;
  // Delivers pending kernel events; poll event_fd() for more.
  virtual void drain_events(const std::function<void(const Event&)>& deliver) = 0;
  [[nodiscard]] virtual int event_fd() const = 0;
  virtual std::vector<Loss> take_losses() = 0;  // since the last call
  [[nodiscard]] virtual Counters counters() const = 0;
  [[nodiscard]] virtual bool took_over() const = 0;  // pins of an earlier agent were found

  // Detaches everything and removes the pins (`egresswarden down`, quickstart, tests).
  static Result<void, GuardError> remove(const std::string& bpffs_dir);
};

// The cgroup2 mount's root from mountinfo; nullopt when there is none.
std::optional<std::string> cgroup2_root();
std::optional<uint64_t> cgroup_id(const std::string& path);

// One line each for `doctor`: what the kernel lacks, and the remedy.
struct Probe {
  std::string what;
  bool ok = false;
  std::string remedy;
};
std::vector<Probe> probe();

}  // namespace warden::kernel
