// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel/guard.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>

#include "agent/base/check.h"
#include "agent/base/clock.h"
#include "agent/kernel/decode.h"
#include "agent/kernel/pins.h"
#include "agent/kernel/privilege.h"
#include "agent/kernel/programs.h"
#include "agent/kernel/rings.h"
#include "bpf/guard.skel.h"

namespace warden::kernel {
namespace {

constexpr uint32_t kOnly = 0;  // the key of one-element maps

std::unexpected<Error<GuardError>> map_failed(const std::string& what) {
  return fail(GuardError::map_failed, what + ": " + std::strerror(errno));
}

// Every key of a map; the caller may delete while it walks the copy.
template <class Key>
std::vector<Key> keys_of(int map) {
  std::vector<Key> keys;
  Key key{};
  const Key* previous = nullptr;
  while (bpf_map_get_next_key(map, previous, &key) == 0) {
    keys.push_back(key);
    previous = &keys.back();
  }
  return keys;
}

uint64_t boot_ns() { return static_cast<uint64_t>(boot_us()) * 1000; }

class PinnedGuard final : public Guard {
 public:
  PinnedGuard(Programs programs, bool took_over) : programs_(std::move(programs)), took_over_(took_over) {}

  bool open_rings();
  Result<void, GuardError> configure(const GuardConfig& config, uint64_t cgroup);
  void forget_dead_listeners(const GuardConfig& config);
  Result<int, GuardError> attach(const Pins& pins, int cgroup_fd) {
    return programs_.attach(pins, cgroup_fd);
  }

  void beat() override;
  Result<void, GuardError> set_listener(uint64_t netns_cookie, uint16_t port) override;
  Result<void, GuardError> add_destination(const Endpoint& endpoint, std::string_view host,
                                           Lifetime lifetime) override;
  void forget_old_destinations() override;
  Result<void, GuardError> set_names(
      const std::vector<std::pair<std::string, uint16_t>>& host_ports) override;
  Result<void, GuardError> suspend_strict(bool suspended) override;
  bool spare_socket(pid_t pid, uint64_t inode) override;
  std::optional<Flow> find_flow(const Endpoint& peer, const Endpoint& local) override;
  void drain_events(const std::function<void(const Event&)>& deliver) override;
  [[nodiscard]] const std::vector<uint64_t>& served_before() const override { return served_before_; }
  [[nodiscard]] int event_fd() const override { return rings_.fd(); }
  std::vector<Loss> take_losses() override;
  [[nodiscard]] Counters counters() const override;
  [[nodiscard]] bool took_over() const override { return took_over_; }

 private:
  void bump_generation();
  Result<void, GuardError> write_settings();
  Result<void, GuardError> write_strict_ports(const std::vector<uint16_t>& ports);
  bool claim_port(uint32_t port, uint64_t netns_cookie);

  Programs programs_;
  ew_config settings_{};
  Rings rings_;
  std::vector<uint64_t> served_before_;
  bool took_over_;
};

// Births first: what the other rings tell is of processes that are known by then.
bool PinnedGuard::open_rings() {
  const auto& maps = programs_->maps;
  return rings_.open({bpf_map__fd(maps.lifecycle), bpf_map__fd(maps.passing), bpf_map__fd(maps.refusals), bpf_map__fd(maps.notices)});
}

Result<void, GuardError> PinnedGuard::configure(const GuardConfig& config, uint64_t cgroup) {
  ew_config& value = settings_;
  value = {};
  value.layout_version = EW_LAYOUT_VERSION;
  if (config.pass_when_stale) value.flags |= EW_PASS_WHEN_STALE;
  if (config.refuse_unknown_quic) value.flags |= EW_REFUSE_UNKNOWN_QUIC;
  if (config.pass_unreadable) value.flags |= EW_PASS_UNREADABLE;
  if (config.refuse_special_sockets) value.flags |= EW_REFUSE_SPECIAL;
  if (!config.strict_ports.empty()) value.flags |= EW_STRICT;
  value.guarded_cgroup = cgroup;
  value.exempt_cgroup = config.exempt_cgroup;
  value.stale_after_ns = static_cast<uint64_t>(std::chrono::nanoseconds(config.stale_after).count());
  value.agent_tgid = static_cast<uint32_t>(::getpid());
  struct stat pid_namespace {};
  if (::stat("/proc/self/ns/pid", &pid_namespace) != 0) return map_failed("/proc is not readable");
  value.pid_namespace = static_cast<uint32_t>(pid_namespace.st_ino);
  if (auto written = write_strict_ports(config.strict_ports); !written) return written;
  return write_settings();
}

Result<void, GuardError> PinnedGuard::write_settings() {
  if (bpf_map_update_elem(bpf_map__fd(programs_->maps.config), &kOnly, &settings_, BPF_ANY) != 0)
    return map_failed("cannot write the configuration");
  return {};
}

Result<void, GuardError> PinnedGuard::write_strict_ports(const std::vector<uint16_t>& ports) {
  const int map = bpf_map__fd(programs_->maps.strict_ports);
  // First those that are gone: the map holds no more than one configuration's.
  for (const uint32_t present : keys_of<uint32_t>(map))
    if (std::ranges::find(ports, present) == ports.end()) bpf_map_delete_elem(map, &present);
  for (const uint32_t port : ports)
    if (bpf_map_update_elem(map, &port, &port, BPF_ANY) != 0) return map_failed("cannot add a port of strict mode");
  return {};
}

Result<void, GuardError> PinnedGuard::suspend_strict(bool suspended) {
  const uint32_t flag = EW_STRICT_SUSPENDED;
  settings_.flags = suspended ? settings_.flags | flag : settings_.flags & ~flag;
  return write_settings();
}

// A dead agent's ports may be anybody's by now; a live one, being replaced, keeps serving until we set our
// own.
void PinnedGuard::forget_dead_listeners(const GuardConfig& config) {
  const int map = bpf_map__fd(programs_->maps.listeners);
  served_before_ = keys_of<uint64_t>(map);
  uint64_t beat = 0;
  bpf_map_lookup_elem(bpf_map__fd(programs_->maps.heartbeat), &kOnly, &beat);
  const int64_t age_ns = monotonic_ns() - static_cast<int64_t>(beat);
  const bool alive = beat != 0 && age_ns <= std::chrono::nanoseconds(config.stale_after).count();
  if (alive && !config.forget_listeners) return;
  for (const uint64_t key : served_before_) bpf_map_delete_elem(map, &key);
  const int ports = bpf_map__fd(programs_->maps.ports);
  for (const uint32_t key : keys_of<uint32_t>(ports)) bpf_map_delete_elem(ports, &key);
}

void PinnedGuard::beat() {
  const uint64_t now = static_cast<uint64_t>(monotonic_ns());
  bpf_map_update_elem(bpf_map__fd(programs_->maps.heartbeat), &kOnly, &now, BPF_ANY);
}

Result<void, GuardError> PinnedGuard::set_listener(uint64_t netns_cookie, uint16_t port) {
  const int map = bpf_map__fd(programs_->maps.listeners), ports = bpf_map__fd(programs_->maps.ports);
  uint32_t before = 0;
  bpf_map_lookup_elem(map, &netns_cookie, &before);
  const uint32_t value = port;
  if (port != 0 && !claim_port(value, netns_cookie))
    return fail(GuardError::busy, "port " + std::to_string(port) + " already serves another network namespace");
  const bool done = port == 0 ? (bpf_map_delete_elem(map, &netns_cookie) == 0 || errno == ENOENT)
                              : bpf_map_update_elem(map, &netns_cookie, &value, BPF_ANY) == 0;
  const int error = errno;
  // Let go of: the port served until now, or when it stays so, the one just claimed in vain.
  const uint32_t unused = done ? before : value;
  if (unused != 0 && (!done || before != value)) bpf_map_delete_elem(ports, &unused);
  errno = error;
  if (!done) return map_failed("cannot add a listener");
  return {};
}

// find_flow() tells namespaces apart by the listener's port: all have the same loopback addresses.
bool PinnedGuard::claim_port(uint32_t port, uint64_t netns_cookie) {
  const int ports = bpf_map__fd(programs_->maps.ports);
  if (bpf_map_update_elem(ports, &port, &netns_cookie, BPF_NOEXIST) == 0) return true;
  uint64_t other = 0;
  uint32_t served = 0;
  if (bpf_map_lookup_elem(ports, &port, &other) != 0) return false;
  if (other == netns_cookie) return true;
  // An agent that ended between claiming and serving left a claim of nobody's.
  const bool in_use = bpf_map_lookup_elem(bpf_map__fd(programs_->maps.listeners), &other, &served) == 0 && served == port;
  return !in_use && bpf_map_update_elem(ports, &port, &netns_cookie, BPF_ANY) == 0;
}

Result<void, GuardError> PinnedGuard::add_destination(const Endpoint& endpoint, std::string_view host,
                                                      Lifetime lifetime) {
  const ew_destination key = to_destination(endpoint);
  ew_known value{};
  value.since_boot_ns = boot_ns();
  if (lifetime == Lifetime::ageing) value.until_boot_ns = value.since_boot_ns + EW_KEEP_NS;
  std::memcpy(value.host, host.data(), std::min(host.size(), sizeof value.host - 1));
  const int map = bpf_map__fd(programs_->maps.destinations);
  ew_known known{};
  const bool present = bpf_map_lookup_elem(map, &key, &known) == 0;
  if (present && known.until_boot_ns == 0) value.until_boot_ns = 0;  // what was configured stays
  if (bpf_map_update_elem(map, &key, &value, BPF_ANY) != 0)
    return map_failed("cannot add destination " + endpoint.to_string());
  if (!present) bump_generation();
  return {};
}

void PinnedGuard::forget_old_destinations() {
  const uint64_t now = boot_ns();
  for (const int map : {bpf_map__fd(programs_->maps.destinations), bpf_map__fd(programs_->maps.learned)})
    for (const auto& key : keys_of<ew_destination>(map)) {
      ew_known known{};
      if (bpf_map_lookup_elem(map, &key, &known) == 0 && known.until_boot_ns != 0 && known.until_boot_ns < now)
        bpf_map_delete_elem(map, &key);
    }
}

// Sockets that lead to it already, and were let through, are looked at again.
void PinnedGuard::bump_generation() {
  const uint32_t key = EW_GENERATION_TOLD;
  uint64_t told = 0;
  const int map = bpf_map__fd(programs_->maps.generations);
  bpf_map_lookup_elem(map, &key, &told);
  bpf_map_update_elem(map, &key, &++told, BPF_ANY);
}

Result<void, GuardError> PinnedGuard::set_names(
    const std::vector<std::pair<std::string, uint16_t>>& host_ports) {
  std::map<std::string, ew_ports> wanted;
  for (const auto& [host, port] : host_ports) {
    const auto name = to_name(host);
    if (!name) return fail(GuardError::map_failed, "not a host name that can be learned: " + host);
    ew_ports& ports = wanted[std::string(name->text, sizeof name->text)];
    uint16_t* const end = ports.port + EW_PORTS_MAX;
    uint16_t* const slot = std::find_if(ports.port, end, [&](uint16_t p) { return p == 0 || p == port; });
    if (slot == end) return fail(GuardError::map_failed, "more than four ports for " + host);
    *slot = port;
  }
  const int map = bpf_map__fd(programs_->maps.names);
  for (const auto& [name, ports] : wanted)
    if (bpf_map_update_elem(map, name.data(), &ports, BPF_ANY) != 0)
      return map_failed("cannot add a host name");
  for (const ew_name& present : keys_of<ew_name>(map))
    if (!wanted.contains(std::string(present.text, sizeof present.text))) bpf_map_delete_elem(map, &present);
  return {};
}

bool PinnedGuard::spare_socket(pid_t pid, uint64_t inode) {
  // The storage of a socket is reached through a descriptor, so we need one of it ourselves.
  const Fd socket = borrow_socket(pid, inode);
  ew_watch watch{};
  watch.stage = EW_STAGE_EXEMPT;
  const int fd = socket.get();
  return socket && bpf_map_update_elem(bpf_map__fd(programs_->maps.watches), &fd, &watch, BPF_ANY) == 0;
}

std::optional<Flow> PinnedGuard::find_flow(const Endpoint& peer, const Endpoint& local) {
  const ew_destination source = to_destination(peer);
  ew_tuple key{};
  std::memcpy(key.source, source.address, sizeof key.source);
  key.source_port = peer.port;
  key.listener_port = local.port;
  const int tuples = bpf_map__fd(programs_->maps.tuples);
  uint64_t cookie = 0;
  if (bpf_map_lookup_elem(tuples, &key, &cookie) != 0) return std::nullopt;
  // Taken, not read: a later, direct connection from the same port must not inherit this one's identity.
  bpf_map_delete_elem(tuples, &key);
  ew_flow flow{};
  if (bpf_map_lookup_elem(bpf_map__fd(programs_->maps.flows), &cookie, &flow) != 0) return std::nullopt;
  Flow found = to_flow(flow);
  const ew_destination original = to_destination(found.original);
  ew_known known{};
  found.told = bpf_map_lookup_elem(bpf_map__fd(programs_->maps.destinations), &original, &known) == 0;
  if (found.told || bpf_map_lookup_elem(bpf_map__fd(programs_->maps.learned), &original, &known) == 0)
    found.host.assign(known.host, strnlen(known.host, sizeof known.host));
  else
    found.unknown = (settings_.flags & EW_STRICT) != 0;
  return found;
}

void PinnedGuard::drain_events(const std::function<void(const Event&)>& deliver) {
  rings_.drain([&](std::string_view record) {
    if (const auto event = to_event(record)) deliver(*event);
  });
}

std::vector<Loss> PinnedGuard::take_losses() {
  std::vector<Loss> taken;
  const int map = bpf_map__fd(programs_->maps.losses);
  for (const ew_loss& key : keys_of<ew_loss>(map)) {
    uint64_t count = 0;
    // In one step since Linux 5.14; before, what is lost in between is in the counters alone.
    const bool found = bpf_map_lookup_and_delete_elem(map, &key, &count) == 0 ||
                       (bpf_map_lookup_elem(map, &key, &count) == 0 && bpf_map_delete_elem(map, &key) == 0);
    if (!found || count == 0) continue;
    taken.push_back({key.uid == EW_UID_UNKNOWN ? std::nullopt : std::optional(key.uid), to_reason(key.reason), count});
  }
  return taken;
}

Counters PinnedGuard::counters() const {
  std::vector<ew_counters> per_cpu(static_cast<size_t>(std::max(libbpf_num_possible_cpus(), 1)));
  Counters sum;
  if (bpf_map_lookup_elem(bpf_map__fd(programs_->maps.counters), &kOnly, per_cpu.data()) != 0) return sum;
  for (const ew_counters& cpu : per_cpu) {
    sum.connects_seen += cpu.slot[EW_CONNECTS_SEEN];
    sum.redirected += cpu.slot[EW_REDIRECTED];
    sum.refused += cpu.slot[EW_REFUSED];
    sum.passed += cpu.slot[EW_PASSED];
    sum.events_dropped += cpu.slot[EW_EVENTS_DROPPED];
    sum.dns_answers += cpu.slot[EW_DNS_ANSWERS];
    sum.dns_learned += cpu.slot[EW_DNS_LEARNED];
  }
  return sum;
}

// Whether the pins are of this layout and guard this cgroup: only then can they be taken over.
bool can_take_over(const Pins& pins, uint64_t cgroup) {
  const Fd map(bpf_obj_get(pins.map("config").c_str()));
  bpf_map_info info{};
  uint32_t length = sizeof info;
  ew_config value{};
  return map && bpf_obj_get_info_by_fd(map.get(), &info, &length) == 0 && info.value_size == sizeof value &&
         bpf_map_lookup_elem(map.get(), &kOnly, &value) == 0 && value.layout_version == EW_LAYOUT_VERSION &&
         value.guarded_cgroup == cgroup;
}

}  // namespace

Result<std::unique_ptr<Guard>, GuardError> Guard::open(const GuardConfig& config) {
  if (!may_load())
    return fail(GuardError::not_permitted,
                "loading BPF programs takes root, or CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN");
  struct statfs info {};
  const Fd cgroup(::open(config.cgroup.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const auto id = cgroup_id(config.cgroup);
  if (!cgroup || !id || ::fstatfs(cgroup.get(), &info) != 0 || info.f_type != CGROUP2_SUPER_MAGIC)
    return fail(GuardError::no_cgroup, config.cgroup + " is not a cgroup2 directory");
  const Pins pins(config.bpffs_dir);
  if (!can_take_over(pins, *id)) {
    if (auto cleared = pins.clear(); !cleared) return std::unexpected(cleared.error());
  }
  if (auto prepared = pins.prepare(); !prepared) return std::unexpected(prepared.error());
  auto programs = Programs::load(pins);
  if (!programs) return std::unexpected(programs.error());
  const bool maps_kept = can_take_over(pins, *id);
  auto guard = std::make_unique<PinnedGuard>(std::move(*programs), maps_kept);
  if (!guard->open_rings()) return map_failed("cannot map the event rings");
  // Configured before anything runs, so no program ever sees an empty configuration.
  guard->forget_dead_listeners(config);
  if (auto configured = guard->configure(config, *id); !configured)
    return std::unexpected(configured.error());
  if (const auto attached = guard->attach(pins, cgroup.get()); !attached) {
    // Half a guard is none; but where one stood before, its old programs go on.
    if (!maps_kept) static_cast<void>(pins.clear());
    return std::unexpected(attached.error());
  }
  return guard;
}

Result<void, GuardError> Guard::remove(const std::string& bpffs_dir) {
  return Pins(bpffs_dir).clear();
}

}  // namespace warden::kernel
