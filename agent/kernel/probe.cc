// SPDX-License-Identifier: Apache-2.0
// What `doctor` asks of the kernel. The last question is the honest one: does it load?
#include <linux/magic.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>

#include "agent/kernel/guard.h"
#include "agent/kernel/netns.h"
#include "agent/kernel/privilege.h"
#include "agent/kernel/programs.h"

namespace warden::kernel {
namespace {

constexpr int kMajorMin = 5, kMinorMin = 10;

Probe kernel_version() {
  utsname name{};
  int major = 0, minor = 0;
  ::uname(&name);
  const bool read = std::sscanf(name.release, "%d.%d", &major, &minor) == 2;
  const bool enough = read && (major > kMajorMin || (major == kMajorMin && minor >= kMinorMin));
  return {std::string("kernel ") + name.release, enough, "run Linux 5.10 or newer"};
}

Probe privileges() {
  return {"privileges to load BPF programs", may_load(),
          "run as root, or grant CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN and CAP_SYS_ADMIN"};
}

Probe bpffs() {
  struct statfs info {};
  const bool mounted = ::statfs("/sys/fs/bpf", &info) == 0 && info.f_type == BPF_FS_MAGIC;
  const bool mountable = mounted || (::access("/sys/fs/bpf", F_OK) == 0 && may_load());
  return {mounted ? "bpffs at /sys/fs/bpf" : "bpffs can be mounted at /sys/fs/bpf", mountable,
          "mount -t bpf bpf /sys/fs/bpf"};
}

Probe loads() {
  const auto programs = Programs::try_load();
  return {"the kernel accepts the programs", programs.has_value(), programs ? "" : programs.error().detail};
}

// Asked for a socket that does not exist, a kernel that can says so.
Probe ending_sockets() {
  const SocketName nobody{.cookie = 1, .local = *Endpoint::parse("127.0.0.1", 1), .peer = *Endpoint::parse("127.0.0.1", 1)};
  return {"refused connections can be ended (sock_diag)", destroy_socket(nobody, 0).has_value(),
          "use a kernel built with CONFIG_INET_DIAG_DESTROY=y, and run as root; without it, refused clients wait until they give up"};
}

}  // namespace

std::vector<Probe> probe() {
  const auto root = cgroup2_root();
  return {
      kernel_version(),
      {"kernel type information (BTF)", ::access("/sys/kernel/btf/vmlinux", R_OK) == 0,
       "use a kernel built with CONFIG_DEBUG_INFO_BTF=y"},
      {root ? "cgroup2 at " + *root : "cgroup2", root.has_value(), "mount -t cgroup2 none /sys/fs/cgroup"},
      {"network namespace cookies", own_netns_cookie() != 0, "run Linux 5.14 or newer"},
      bpffs(),
      ending_sockets(),
      privileges(),
      loads(),
  };
}

}  // namespace warden::kernel
