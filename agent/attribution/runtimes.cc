// SPDX-License-Identifier: Apache-2.0
#include "agent/attribution/runtimes.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>

#include "agent/attribution/procfs.h"
#include "agent/attribution/workload.h"

namespace warden::attribution {
namespace {

constexpr size_t kStateBytesMax = size_t{16} << 20;  // containers.json holds all containers of the host
constexpr size_t kEntriesMax = 4096;
constexpr auto kKeep = std::chrono::seconds(60);
constexpr auto kKeepUnresolved = std::chrono::seconds(1);

constexpr const char* kRuncFolders[] = {"run/runc", "run/docker/runtime-runc/moby", "run/containerd/runc/moby",
                                        "run/containerd/runc/k8s.io", "run/containerd/runc/default"};
constexpr const char* kStorageFolders[] = {"var/lib/containers/storage"};

bool stands_in(const ContainerPlace& place, std::string_view proc_cgroup) {
  for (const auto& [hierarchy, path] : cgroup_lines(proc_cgroup))
    if (hierarchy == place.hierarchy)
      return path == place.path || (path.starts_with(place.path) && path[place.path.size()] == '/');
  return false;
}

}  // namespace

std::optional<ContainerPlace> container_place(std::string_view proc_cgroup) {
  const auto lines = cgroup_lines(proc_cgroup);
  for (const bool second : {true, false})
    for (const auto& [hierarchy, path] : lines) {
      if (hierarchy.empty() != second) continue;
      if (const auto name = container_name(path)) return ContainerPlace{hierarchy, path.substr(0, name->end), name->id};
    }
  return std::nullopt;
}

// Root alone wrote it: the file is root's, and so is whatever leads to it, since the runtimes' folders are.
std::optional<std::string> Runtimes::read(const std::string& path) const {
  const Fd fd = open_in_root(root_.get(), path, O_RDONLY | O_NONBLOCK);
  struct stat st {};
  if (!fd || ::fstat(fd.get(), &st) != 0 || !S_ISREG(st.st_mode) || st.st_uid != 0 || (st.st_mode & 022) != 0) return std::nullopt;
  if (st.st_size < 0 || static_cast<size_t>(st.st_size) > kStateBytesMax) return std::nullopt;
  std::string text(static_cast<size_t>(st.st_size), '\0');
  const ssize_t n = ::pread(fd.get(), text.data(), text.size(), 0);
  if (n < 0) return std::nullopt;
  text.resize(static_cast<size_t>(n));
  return text;
}

std::optional<RuntimeState> Runtimes::state_of(const std::string& id) const {
  for (const char* const folder : kRuncFolders)
    if (const auto text = read(std::string(folder) + "/" + id + "/state.json")) return parse_runc_state(*text);
  if (const auto text = read("run/crun/" + id + "/status")) return parse_crun_status(*text);
  return std::nullopt;
}

std::vector<std::string> Runtimes::folders(const std::string& path) const {
  std::vector<std::string> names;
  Fd fd = open_in_root(root_.get(), path, O_RDONLY | O_DIRECTORY);
  if (!fd) return names;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::fdopendir(fd.release()), ::closedir);
  if (!folder) return names;
  while (const dirent* const entry = ::readdir(folder.get())) names.emplace_back(entry->d_name);
  return names;
}

std::optional<ContainerFacts> Runtimes::facts_of(const std::string& id, const RuntimeState& state) const {
  if (const auto text = read("var/lib/docker/containers/" + id + "/config.v2.json"))
    if (auto facts = parse_docker_config(*text, id)) return facts;
  const auto bundle = state.bundle.empty() ? std::nullopt : read(state.bundle + "/config.json");
  if (bundle)
    if (auto facts = parse_bundle(*bundle)) return facts;
  for (const std::string storage : kStorageFolders)
    for (const std::string& name : folders(storage)) {
      if (!name.ends_with("-containers")) continue;
      const std::string driver = name.substr(0, name.size() - 11);
      const auto containers = read(storage + "/" + name + "/containers.json");
      const auto images = read(storage + "/" + driver + "-images/images.json");
      if (!containers) continue;
      if (auto facts = parse_storage(*containers, images.value_or(""), id)) return facts;
    }
  return std::nullopt;
}

Known<ContainerFacts> Runtimes::look(const ContainerPlace& place) {
  using Facts = Known<ContainerFacts>;
  if (!root_) root_.reset(::open(root_path_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root_) return Facts::unresolved("host_root_not_visible");
  const auto state = state_of(place.id);
  if (!state) return Facts::unresolved("no_runtime_state_of_root");
  const auto init = ProcDir::open(state->pid);
  const auto stat = init ? init->stat() : std::nullopt;
  if (!stat || stat->start_ticks != state->start_ticks) return Facts::unresolved("container_ended");
  const auto lines = init->file("cgroup", 65536);
  if (!lines || !stands_in(place, *lines)) return Facts::unresolved("cgroup_is_not_the_container's");
  if (auto facts = facts_of(place.id, *state)) return Facts::of(std::move(*facts));
  ContainerFacts none;
  none.name = none.image = none.image_digest = Known<std::string>::unresolved("runtime_does_not_tell");
  none.labels = Known<std::vector<std::string>>::unresolved("runtime_does_not_tell");
  return Facts::of(std::move(none));
}

Known<ContainerFacts> Runtimes::find(const ContainerPlace& place) {
  const auto now = std::chrono::steady_clock::now();
  const std::string key = place.hierarchy + ":" + place.path;
  const auto seen = known_.find(key);
  if (seen != known_.end() && now < seen->second.until) return seen->second.facts;
  if (known_.size() >= kEntriesMax) known_.clear();
  Entry& entry = known_[key];
  entry.facts = look(place);
  entry.until = now + (entry.facts.known() ? kKeep : kKeepUnresolved);
  return entry.facts;
}

}  // namespace warden::attribution
