// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/doctor.h"

#include <linux/capability.h>
#include <linux/magic.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cstdio>
#include <vector>

#include "agent/app/config.h"
#include "agent/cli/output.h"
#include "agent/kernel/guard.h"

namespace warden::cli {
namespace {

using kernel::Probe;

Probe check(std::string what, bool ok, std::string remedy) {
  return {std::move(what), ok, ok ? std::string() : std::move(remedy)};
}

Probe privileges() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  bool all = ::syscall(SYS_capget, &header, data) == 0;
  // CAP_BPF and CAP_PERFMON exist from 5.8, which is below what the programs need anyway.
  for (const unsigned cap :
       {CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN, CAP_SYS_ADMIN, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH})
    all = all && (data[cap / 32].effective & (1u << (cap % 32))) != 0;
  return check("privileges", all,
               "run as root: needs CAP_BPF, PERFMON, NET_ADMIN, SYS_ADMIN, SYS_PTRACE, DAC_READ_SEARCH");
}

Probe bpffs(const std::string& folder) {
  // The folder itself is made by the agent: the nearest one that exists tells.
  std::string at = folder;
  while (at.size() > 1 && ::access(at.c_str(), F_OK) != 0) at.resize(std::max<size_t>(at.rfind('/'), 1));
  struct statfs fs {};
  const bool ok = ::statfs(at.c_str(), &fs) == 0 && fs.f_type == BPF_FS_MAGIC;
  return check("bpffs at " + folder, ok, "mount -t bpf bpf /sys/fs/bpf, or set bpffs_dir below a bpf mount");
}

Probe clock_synchronised() {
  timex state{};
  const bool ok = ::adjtimex(&state) != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
  return check("clock synchronised", ok,
               "start systemd-timesyncd or chrony; records then carry times that others can trust");
}

Probe trust_store() {
  for (const char* path : {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"})
    if (::access(path, R_OK) == 0) return check(std::string("system trust store ") + path, true, "");
  return check("system trust store", false, "install the package ca-certificates");
}

Probe trust_tool() {
  for (const char* path : {"/usr/sbin/update-ca-certificates", "/usr/bin/update-ca-trust"})
    if (::access(path, X_OK) == 0) return check(std::string("trust tool ") + path, true, "");
  return check("trust tool", false, "install the package ca-certificates, or set trust.inject: off");
}

std::vector<Probe> examine(const DoctorOptions& options) {
  std::vector<Probe> found = kernel::probe();
  found.push_back(check("BTF", ::access("/sys/kernel/btf/vmlinux", R_OK) == 0,
                        "boot a kernel built with CONFIG_DEBUG_INFO_BTF"));
  const auto root = kernel::cgroup2_root();
  found.push_back(check("cgroup2" + (root ? " at " + *root : std::string()), root.has_value(),
                        "mount -t cgroup2 none /sys/fs/cgroup"));
  found.push_back(privileges());
  const auto config = app::load_agent_config(options.config);
  found.push_back(check("config " + options.config, config.has_value(), config ? "" : config.error().detail));
  const app::AgentConfig values = config ? *config : app::AgentConfig();
  found.push_back(bpffs(values.bpffs_dir));
  found.push_back(check("policy " + values.policy.bundle, ::access(values.policy.bundle.c_str(), R_OK) == 0,
                        "put a bundle there or set policy.bundle; without one all LLM requests are blocked"));
  const auto account = app::worker_account(values);
  found.push_back(check("worker account " + values.worker_user, account.has_value(),
                        account ? "" : account.error().detail));
  found.push_back(trust_store());
  if (values.trust.inject) found.push_back(trust_tool());
  found.push_back(clock_synchronised());
  return found;
}

}  // namespace

int run_doctor(const DoctorOptions& options) {
  const std::vector<Probe> found = examine(options);
  bool all = true;
  Table table({"check", "state", "remedy"});
  boost::json::array rows;
  for (const Probe& probe : found) {
    all = all && probe.ok;
    table.add({probe.what, probe.ok ? "ok" : "missing", printable(probe.remedy, 2000)});
    rows.push_back({{"check", probe.what}, {"ok", probe.ok}, {"remedy", probe.remedy}});
  }
  const std::string text =
      options.json ? boost::json::serialize(boost::json::object{{"ok", all}, {"checks", rows}}) + "\n"
                   : table.text();
  std::fwrite(text.data(), 1, text.size(), stdout);
  return all ? 0 : 1;
}

}  // namespace warden::cli
