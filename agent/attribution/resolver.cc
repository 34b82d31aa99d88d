// SPDX-License-Identifier: Apache-2.0
#include "agent/attribution/resolver.h"

#include "agent/attribution/workload.h"
#include "agent/base/file.h"

namespace warden::attribution {
namespace {

using Text = Known<std::string>;

constexpr uint32_t kUnset = ~0u;  // loginuid and session of who never logged in

std::string boot_id() {
  auto id = read_file("/proc/sys/kernel/random/boot_id", 64);
  if (!id) return {};
  while (!id->empty() && id->back() == '\n') id->pop_back();
  return *id;
}

// Only the last few names are known of a cgroup that is gone, and nobody can say any more who made them.
std::string partial_path(const std::vector<std::string>& leaf_first) {
  std::string path;
  for (const std::string& name : leaf_first) {
    path.insert(0, name);
    path.insert(0, "/");
  }
  return path;
}

void all_unresolved(Identity& identity, const char* why) {
  identity.unit = identity.container_id = identity.container_image = Text::unresolved(why);
  identity.pod_uid = identity.pod_namespace = identity.pod_name = identity.pod_service_account =
      Text::unresolved(why);
}

}  // namespace

Resolver::Resolver(std::map<std::string, std::string> persons, ProcessTable::Limits limits)
    : persons_(std::move(persons)), boot_(boot_id()), table_(limits) {}

void Resolver::on_event(const kernel::Event& event) {
  switch (event.kind) {
    case kernel::EventKind::exec:
      table_.on_exec(event.process, event.filename);
      cgroups_.find(event.process.cgroup_id);  // learnt while it exists: a short unit's cgroup goes with it
      break;
    case kernel::EventKind::fork:
      table_.on_fork(event.process);
      break;
    case kernel::EventKind::exit:
      table_.on_exit(event.process);
      break;
    default:
      break;
  }
}

void Resolver::fill_credentials(Identity& identity, const kernel::ProcessFacts& facts) {
  identity.uid = facts.uid;
  identity.gid = facts.gid;
  const Account& account = accounts_.find(facts.uid);
  identity.user = account.name;
  identity.groups = account.groups;
  if (facts.session != kUnset) identity.session = Known<uint32_t>::of(facts.session);
  if (facts.loginuid == kUnset) return;
  identity.loginuid = Known<uint32_t>::of(facts.loginuid);
  identity.login_user = accounts_.find(facts.loginuid).name;
  if (identity.login_user.known()) {
    const auto mapped = persons_.find(identity.login_user.value);
    identity.person = Text::of(mapped != persons_.end() ? mapped->second : identity.login_user.value);
    identity.person_basis = "loginuid";
    identity.person_assurance = "asserted";
  } else {
    identity.person = identity.login_user;
  }
}

void Resolver::fill_workload(Identity& identity, const kernel::ProcessFacts& facts) {
  identity.cgroup_id = facts.cgroup_id;
  auto place = cgroups_.find(facts.cgroup_id);
  if (!place) {
    const auto proc = ProcDir::open(facts.tgid);
    const auto text = proc ? proc->file("cgroup", 65536) : std::nullopt;
    const auto path = text ? cgroup2_line(*text) : std::nullopt;
    if (path) place = cgroups_.find_at(facts.cgroup_id, *path);
  }
  if (!place) {
    const std::string known = partial_path(facts.cgroup_names);
    identity.cgroup = Text::unresolved(known.empty() ? "cgroup_gone" : "cgroup_gone:" + known);
    all_unresolved(identity, "cgroup_gone");
    return;
  }
  identity.cgroup = Text::of(place->path);
  Workload workload = workload_of(*place);
  identity.unit = std::move(workload.unit);
  identity.container_id = std::move(workload.container_id);
  identity.pod_uid = std::move(workload.pod_uid);
  // Names and images are known to the runtime and the API server alone, which are not asked yet.
  if (identity.container_id.state != Text::State::absent)
    identity.container_image = Text::unresolved("container_runtime_not_asked");
  if (identity.pod_uid.state != Text::State::absent)
    identity.pod_namespace = identity.pod_name = identity.pod_service_account =
        Text::unresolved("kubernetes_not_asked");
}

bool Resolver::Resolved::complete() const {
  const auto there = [](const auto& pending) { return pending == nullptr || pending->done; };
  return there(exe_digest) && there(script_digest);
}

void Resolver::Resolved::take_digests() {
  if (exe_digest) identity.exe_sha256 = exe_digest->digest;
  if (script_digest) identity.script_sha256 = script_digest->digest;
}

Resolver::Resolved Resolver::resolve_now(const kernel::Flow& flow) {
  const kernel::ProcessFacts& facts = flow.process;
  const Process& process = table_.find(facts);
  Identity identity;
  identity.pid = facts.tgid;
  identity.tid = facts.tid;
  identity.start_us = facts.start_boottime_ns / 1000;
  identity.boot = boot_;
  identity.comm = process.comm;
  identity.exe = process.image->exe;
  identity.exe_sha256 = process.image->sha256;
  const Script& script = process.image->script;
  identity.script = script.path;
  identity.script_sha256 = script.sha256;
  identity.script_basis = script.basis;
  Resolved resolved;
  resolved.exe_digest = process.image->pending;
  resolved.script_digest = script.pending;
  identity.argv = process.image->argv;
  identity.cwd = process.image->cwd;
  identity.ancestry = table_.ancestry(process);
  fill_credentials(identity, facts);
  fill_workload(identity, facts);
  resolved.identity = std::move(identity);
  return resolved;
}

}  // namespace warden::attribution
