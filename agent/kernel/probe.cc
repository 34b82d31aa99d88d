// SPDX-License-Identifier: Apache-2.0
// What `doctor` asks of the kernel. The last question is the honest one: does it load?
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>

#include "agent/base/file.h"
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

struct Helper {
  bpf_func_id id;
  const char* name;
};

struct Hook {
  bpf_prog_type type;
  const char* name;
  std::vector<Helper> helpers;
};

// The younger helpers of each hook, those that a kernel may lack or forbid. Tracepoints cannot be asked so.
std::vector<Hook> hooks() {
  const Helper read{BPF_FUNC_probe_read_kernel, "bpf_probe_read_kernel"}, task{BPF_FUNC_get_current_task, "bpf_get_current_task"};
  const Helper ring{BPF_FUNC_ringbuf_output, "bpf_ringbuf_output"}, storage{BPF_FUNC_sk_storage_get, "bpf_sk_storage_get"};
  const Helper boot_time{BPF_FUNC_ktime_get_boot_ns, "bpf_ktime_get_boot_ns"};
  return {
      {BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
       "cgroup/connect",
       {read, task, ring, storage, boot_time, {BPF_FUNC_get_netns_cookie, "bpf_get_netns_cookie"},
        {BPF_FUNC_setsockopt, "bpf_setsockopt"}, {BPF_FUNC_get_current_cgroup_id, "bpf_get_current_cgroup_id"}}},
      {BPF_PROG_TYPE_CGROUP_SOCK, "cgroup/sock_create", {read, task, ring, boot_time}},
      {BPF_PROG_TYPE_CGROUP_SOCKOPT, "cgroup/setsockopt", {read, task, ring, boot_time}},
      {BPF_PROG_TYPE_CGROUP_SKB, "cgroup_skb", {read, task, ring, storage, boot_time, {BPF_FUNC_sk_cgroup_id, "bpf_sk_cgroup_id"}}},
      {BPF_PROG_TYPE_SOCK_OPS, "sockops", {storage}},
  };
}

// As libbpf_probe_bpf_helper() does, whose 1.1 does not know the words of newer kernels.
bool offers(const Hook& hook, bpf_func_id helper) {
  bpf_insn program[2]{};
  program[0].code = BPF_JMP | BPF_CALL;
  program[0].imm = helper;
  program[1].code = BPF_JMP | BPF_EXIT;
  char log[4096] = {};
  LIBBPF_OPTS(bpf_prog_load_opts, options);
  options.log_buf = log;
  options.log_size = sizeof log;
  options.log_level = 1;
  options.expected_attach_type = hook.type == BPF_PROG_TYPE_CGROUP_SOCK_ADDR ? BPF_CGROUP_INET4_CONNECT
                                 : hook.type == BPF_PROG_TYPE_CGROUP_SOCKOPT ? BPF_CGROUP_SETSOCKOPT
                                                                             : bpf_attach_type{};
  const Fd loaded(bpf_prog_load(hook.type, nullptr, "GPL", program, 2, &options));
  const std::string_view said = log;
  for (const char* refusal : {"unknown func ", "invalid func ", "cannot use helper "})
    if (said.find(refusal) != std::string_view::npos) return false;
  return true;
}

Probe helpers() {
  std::string missing;
  for (const Hook& hook : hooks())
    for (const Helper& helper : hook.helpers)
      if (!offers(hook, helper.id))
        missing += (missing.empty() ? "" : ", ") + std::string(helper.name) + " in " + hook.name;
  return {"helpers of the programs", missing.empty(), "run Linux 5.10 or newer; this kernel does not offer " + missing};
}

// Integrity leaves our programs alone; confidentiality takes from them the reading of who connects.
Probe lockdown() {
  const auto state = read_file("/sys/kernel/security/lockdown");
  return {"kernel lockdown", !state || state->find("[confidentiality]") == std::string::npos,
          "boot with lockdown=integrity or none: confidentiality denies bpf_probe_read_kernel, by which the process is told"};
}

Probe loads() {
  const auto programs = Programs::try_load();
  return {"the kernel accepts the programs", programs.has_value(), programs ? "" : programs.error().detail};
}

// Asked for a socket that does not exist, a kernel that can says so; but so does one that has no module for TCP, which
// its list betrays.
Probe ending_sockets() {
  if (const auto listed = tcp_sockets(); !listed)
    return {"refused connections can be ended (sock_diag)", false,
            listed.error().detail + "; modprobe tcp_diag, or use a kernel built with CONFIG_INET_TCP_DIAG"};
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
      {"network namespace cookies", own_netns_cookie() != 0,
       "run Linux 5.14 or newer; older ones tell them only to who may load programs"},
      bpffs(),
      ending_sockets(),
      privileges(),
      lockdown(),
      helpers(),
      loads(),
  };
}

}  // namespace warden::kernel
