// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/doctor.h"

#include <linux/capability.h>
#include <linux/magic.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <vector>

#include "agent/app/config.h"
#include "agent/cli/admin_client.h"
#include "agent/cli/output.h"
#include "agent/kernel/guard.h"
#include "policy/classify/engine.h"
#include "policy/rules/bundle.h"

namespace warden::cli {
namespace {

using kernel::Probe;

Probe check(std::string what, bool ok, std::string remedy) {
  return {std::move(what), ok, ok ? std::string() : std::move(remedy)};
}

// What the kernel half does not need, and attribution does.
Probe privileges() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  bool all = ::syscall(SYS_capget, &header, data) == 0;
  for (const unsigned cap : {CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH})
    all = all && (data[cap / 32].effective & (1u << (cap % 32))) != 0;
  return check("privileges to read other processes", all,
               "run as root, or grant CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH");
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
  const int clock = ::adjtimex(&state);
  if (clock < 0)
    return check("clock synchronised", false,
                 std::string("the kernel may not be asked: ") + std::strerror(errno));
  const bool ok = clock != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
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

// The bundle as the agent would take it: signed by a trusted key, unless the config says otherwise.
Probe bundle(const app::AgentConfig& config) {
  const std::string what = "policy " + config.policy.bundle;
  const auto pack = classify::Pack::load();
  if (!pack) return check(what, false, "classifier: " + pack.error().detail);
  policy::LoadOptions load;
  load.allow_unsigned = config.policy.allow_unsigned;
  load.knows_class = [&](std::string_view name) { return (*pack)->knows_class(name); };
  load.knows_detector = [&](std::string_view id) { return (*pack)->knows_detector(id); };
  for (const std::string& path : config.policy.trusted_keys) {
    auto key = policy::read_trusted_key(path);
    if (!key) return check(what, false, key.error().detail);
    load.trusted.push_back(std::move(*key));
  }
  const auto source = policy::read_bundle(config.policy.bundle);
  if (!source) return check(what, false, source.error().detail + "; put a bundle there or set policy.bundle");
  const auto program = policy::compile(*source, load);
  return check(what, program.has_value(), program ? "" : program.error().detail);
}

// Whether the running agent's watch of the API server stands; nothing where no agent runs or none is asked.
std::optional<Probe> pod_watch(const std::string& config) {
  std::optional<Probe> probe;
  (void)ask_agent(config, R"({"cmd":"status"})", [&](std::string_view line) {
    boost::system::error_code error;
    const boost::json::value status = boost::json::parse(boost::json::string_view(line.data(), line.size()), error);
    const auto* const watch = !error && status.is_object() ? status.get_object().if_contains("kubernetes") : nullptr;
    const auto* const object = watch != nullptr ? watch->if_object() : nullptr;
    const auto* const state = object != nullptr ? object->if_contains("state") : nullptr;
    if (state == nullptr || !state->is_string()) return false;
    const std::string word(state->get_string());
    const auto* const detail = object->if_contains("detail");
    const std::string why = detail != nullptr && detail->is_string() ? std::string(detail->get_string()) : std::string();
    probe = check("pods from the API server: " + word, word == "watching",
                  (why.empty() ? "no answer yet" : why) + "; facts about new pods are unresolved meanwhile; see identity.kubernetes");
    return false;
  });
  return probe;
}

// What the agent does with the traffic, since all else depends on it.
Probe mode(const app::AgentConfig& config) {
  return check("mode " + std::string(app::mode_name(config.intercept)) + ": " + std::string(app::mode_meaning(config.intercept)), true, "");
}

struct Finding {
  Probe probe;
  bool needed = true;  // the agent does not start, or not with this config, without it
};

std::vector<Finding> examine(const DoctorOptions& options) {
  const auto config = app::load_agent_config(options.config);
  const app::AgentConfig values = config ? *config : app::AgentConfig();
  const bool usual_bpffs = values.bpffs_dir.starts_with("/sys/fs/bpf/");
  std::vector<Finding> found;
  for (Probe& probe : kernel::probe())
    if (usual_bpffs || !probe.what.starts_with("bpffs")) found.push_back({std::move(probe)});
  if (!usual_bpffs) found.push_back({bpffs(values.bpffs_dir)});
  found.push_back({privileges()});
  found.push_back(
      {check("config " + options.config, config.has_value(), config ? "" : config.error().detail)});
  if (config) found.push_back({mode(values)});
  if (auto watch = config ? pod_watch(options.config) : std::nullopt) found.push_back({std::move(*watch), false});
  found.push_back({clock_synchronised(), false});
  if (values.intercept.observe) return found;  // nothing is decided, terminated or dialled
  if (config) found.push_back({bundle(values)});  // which keys are trusted, the config alone says
  const auto account = app::worker_account(values);
  found.push_back({check("worker account " + values.worker_user, account.has_value(),
                         account ? "" : account.error().detail)});
  found.push_back({trust_store(), values.provider_roots.empty()});
  if (values.trust.inject) found.push_back({trust_tool(), false});
  return found;
}

}  // namespace

int run_doctor(const DoctorOptions& options) {
  bool all = true;
  Table table({"CHECK", "STATE", "REMEDY"});
  boost::json::array rows;
  for (const auto& [probe, needed] : examine(options)) {
    all = all && (probe.ok || !needed);
    const std::string remedy = probe.ok ? "" : probe.remedy;
    std::string line = remedy;
    for (size_t at = 0; (at = line.find('\n', at)) != std::string::npos;) line.replace(at, 1, " | ");
    table.add({printable(probe.what),
               probe.ok ? paint("ok", Colour::good)
               : needed ? paint("missing", Colour::bad)
                        : paint("advised", Colour::warn),
               printable(line, 2000)});
    rows.push_back({{"check", probe.what}, {"ok", probe.ok}, {"needed", needed}, {"remedy", remedy}});
  }
  const std::string text =
      options.json ? boost::json::serialize(boost::json::object{{"ok", all}, {"checks", rows}}) + "\n"
                   : table.text();
  std::fwrite(text.data(), 1, text.size(), stdout);
  return all ? 0 : 1;
}

}  // namespace warden::cli
