// SPDX-License-Identifier: Apache-2.0
#include "agent/attribution/resolver.h"

#include "agent/attribution/workload.h"
#include "agent/base/file.h"

namespace warden::attribution {
namespace {

using Text = Known<std::string>;
using Texts = Known<std::vector<std::string>>;

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

void container_unresolved(Identity& identity, const std::string& why) {
  identity.container_id = identity.container_runtime = identity.container_name = Text::unresolved(why);
  identity.container_image = identity.container_image_digest = Text::unresolved(why);
  identity.container_labels = Texts::unresolved(why);
}

void all_unresolved(Identity& identity, const char* why) {
  identity.unit = identity.slice = identity.user_unit = Text::unresolved(why);
  container_unresolved(identity, why);
  identity.pod_uid = identity.pod_namespace = identity.pod_name = identity.pod_service_account = identity.pod_owner =
      Text::unresolved(why);
  identity.pod_labels = Texts::unresolved(why);
}

}  // namespace

Resolver::Resolver(Setup setup)
    : persons_(std::move(setup.persons)), boot_(boot_id()), table_(setup.limits), runtimes_(std::move(setup.runtime_root)) {}

void Resolver::on_event(const kernel::Event& event) {
  switch (event.kind) {
    case kernel::EventKind::exec:
      table_.on_exec(event.process, event.filename, event.boot_ns);
      cgroups_.find(event.process.cgroup_id);  // learnt while it exists: a short unit's cgroup goes with it
      break;
    case kernel::EventKind::fork:
      table_.on_fork(event.process, {event.creator_tgid, event.creator_start_boottime_ns});
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
  if (facts.noted) {
    identity.loginuid = identity.session = Known<uint32_t>::unresolved("process_gone");
    identity.login_user = Text::unresolved("process_gone");
    return;
  }
  if (facts.session != kUnset) identity.session = Known<uint32_t>::of(facts.session);
  if (facts.loginuid == kUnset) return;
  identity.loginuid = Known<uint32_t>::of(facts.loginuid);
  identity.login_user = accounts_.find(facts.loginuid).name;
}

// Who the login belongs to: what persons.yaml says of its name or number, else the name itself.
void Resolver::fill_person(Identity& identity) {
  auto mapped = persons_.end();
  if (identity.loginuid.state == Known<uint32_t>::State::unresolved) identity.person = Text::unresolved(identity.loginuid.why);
  if (identity.loginuid.known()) {
    identity.person_basis = "loginuid";
    mapped = persons_.find(std::to_string(identity.loginuid.value));
    if (identity.login_user.known() && persons_.contains(identity.login_user.value)) mapped = persons_.find(identity.login_user.value);
    if (mapped == persons_.end()) identity.person = identity.login_user;
  } else if (identity.pod_service_account.known() && identity.pod_namespace.known()) {
    // A service account is nobody by itself; it may be somebody's alone.
    mapped = persons_.find("system:serviceaccount:" + identity.pod_namespace.value + ":" + identity.pod_service_account.value);
    if (mapped != persons_.end()) identity.person_basis = "pod_sa";
  }
  if (mapped != persons_.end()) {
    identity.person = Text::of(mapped->second.id);
    identity.person_groups = Texts::of(mapped->second.groups);
  }
  if (identity.person.state == Text::State::unresolved) identity.person_groups = Texts::unresolved(identity.person.why);
  if (!identity.person.known()) identity.person_basis = "none";
  if (identity.person.known()) identity.person_assurance = "asserted";
}

void Resolver::fill_workload(Identity& identity, const kernel::ProcessFacts& facts, const Process& process) {
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
  identity.slice = std::move(workload.slice);
  identity.user_unit = std::move(workload.user_unit);
  identity.container_id = std::move(workload.container_id);
  identity.pod_uid = std::move(workload.pod_uid);
  fill_container(identity, process);
}

// The cgroup, or the runtime, proves the pod's uid; what the API server says of that uid is joined to it.
bool Resolver::fill_pod(Identity& identity) {
  if (identity.pod_uid.state == Text::State::absent) return true;
  const auto pod = pods_ != nullptr && identity.pod_uid.known() ? pods_->find(identity.pod_uid.value) : nullptr;
  if (pod == nullptr) {
    const std::string why = !identity.pod_uid.known() ? identity.pod_uid.why : pods_ != nullptr ? "pod_not_told_of" : "kubernetes_not_asked";
    for (Text* const fact : {&identity.pod_namespace, &identity.pod_name, &identity.pod_service_account, &identity.pod_owner})
      if (!fact->known()) *fact = Text::unresolved(why);
    identity.pod_labels = Texts::unresolved(why);
    return pods_ == nullptr || !identity.pod_uid.known();
  }
  identity.pod_uid = Text::of(pod->uid);
  identity.pod_namespace = Text::of(pod->ns);
  identity.pod_name = Text::of(pod->name);
  identity.pod_service_account = Text::of(pod->service_account.empty() ? "default" : pod->service_account);
  identity.pod_owner = pod->owner.empty() ? Text{} : Text::of(pod->owner);
  identity.pod_labels = Texts::of(pod->labels);
  for (const PodContainer& container : pod->containers) {
    if (!identity.container_id.known() || container.id != identity.container_id.value) continue;
    if (!identity.container_name.known()) identity.container_name = Text::of(container.name);
    if (!identity.container_image.known()) identity.container_image = Text::of(container.image);
    if (!container.image_digest.empty()) identity.container_image_digest = Text::of(container.image_digest);
  }
  return true;
}

void Resolver::ask_again(Resolved& resolved) {
  if (!resolved.pod_awaited) return;
  resolved.pod_awaited = !fill_pod(resolved.identity);
  fill_person(resolved.identity);
}

// The cgroup may have been left since the exec, so what /proc shows now counts while it shows this process.
void Resolver::fill_container(Identity& identity, const Process& process) {
  const auto proc = ProcDir::open(process.key.tgid);
  const auto stat = proc ? proc->stat() : std::nullopt;
  const bool alive = stat && stat->start_ticks == process.key.start_ticks;
  const auto now = alive ? proc->file("cgroup", 65536) : std::nullopt;
  const auto place = container_place(now ? *now : process.image->cgroups);
  if (!place) {
    if (identity.container_id.state != Text::State::absent) container_unresolved(identity, "cgroup_changed");
    return;
  }
  const Known<ContainerFacts> facts = runtimes_.find(*place);
  const bool same = identity.container_id.known() && identity.container_id.value == place->id;
  if (identity.container_id.known() && !same) return container_unresolved(identity, "cgroup_changed");
  if (!facts.known()) {
    // Directories that root made and named are a container's even where its runtime left no state we know.
    const Text id = identity.container_id;
    container_unresolved(identity, facts.why);
    if (same && facts.why == "no_runtime_state_of_root") identity.container_id = id;
    return;
  }
  identity.container_id = Text::of(place->id);
  identity.container_runtime = Text::of(facts.value.runtime);
  identity.container_name = facts.value.name;
  identity.container_image = facts.value.image;
  identity.container_image_digest = facts.value.image_digest;
  identity.container_labels = facts.value.labels;
  // The runtime vouches for the place, and so for the pod's part of it.
  if (const auto uid = pod_uid_in(place->path); uid && !identity.pod_uid.known()) identity.pod_uid = Text::of(*uid);
  if (!identity.pod_uid.known()) return;
  identity.pod_namespace = facts.value.pod_namespace;
  identity.pod_name = facts.value.pod_name;
}

bool Resolver::Resolved::digests_done() const {
  const auto there = [](const auto& pending) { return pending == nullptr || pending->done; };
  return there(exe_digest) && there(script_digest);
}

void Resolver::Resolved::take_digests() {
  if (exe_digest) identity.exe_sha256 = exe_digest->digest;
  if (script_digest) identity.script_sha256 = script_digest->digest;
}

Resolver::Resolved Resolver::resolve_now(const kernel::Flow& flow) {
  const kernel::ProcessFacts facts = table_.completed(flow.process);
  const Process& process = table_.find(facts, flow.connect_boot_ns);
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
  fill_workload(identity, facts, process);
  resolved.pod_awaited = !fill_pod(identity);
  fill_person(identity);
  resolved.identity = std::move(identity);
  return resolved;
}

}  // namespace warden::attribution
