// SPDX-License-Identifier: Apache-2.0
#include "agent/attribution/workload.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <vector>

namespace warden::attribution {
namespace {

using Text = Known<std::string>;

constexpr std::array<std::string_view, 5> kUnitSuffixes = {".service", ".scope", ".socket", ".mount",
                                                           ".swap"};

std::vector<std::string_view> components(std::string_view path) {
  std::vector<std::string_view> names;
  while (!path.empty()) {
    const size_t end = std::min(path.find('/'), path.size());
    if (end > 0) names.push_back(path.substr(0, end));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return names;
}

// systemd puts '_' before a name that would clash with the kernel's own files.
std::string_view unescape(std::string_view name) {
  return name.starts_with('_') ? name.substr(1) : name;
}

bool valid_unit(std::string_view name) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@";
  if (name.size() > 255 || name.find_first_not_of(kAllowed) != std::string_view::npos) return false;
  return std::ranges::any_of(kUnitSuffixes, [&](std::string_view suffix) {
    return name.size() > suffix.size() && name.ends_with(suffix);
  });
}

bool is_slice(std::string_view name) {
  return name.ends_with(".slice") && name.size() > 6;
}

// user@1000.service is handed over to that very user, who may not make its siblings: its name is still
// root's.
bool is_manager_of(std::string_view unit, uint32_t uid) {
  return unit == "user@" + std::to_string(uid) + ".service";
}

// `at` is the component that decides: the unit, or the slice that would hold it.
struct UnitPlace {
  Text unit;
  size_t at = 0;
};

UnitPlace unit_of(const CgroupPlace& place, const std::vector<std::string_view>& names) {
  const auto shaped = std::ranges::find_if(names, [](std::string_view n) { return valid_unit(unescape(n)); });
  if (shaped == names.end()) return {};
  const bool systemd = names[0] == "system.slice" || names[0] == "user.slice";
  if (!systemd) {
    // init.scope holds the init process alone, beside the slices.
    if (names.size() == 1 && names[0] == "init.scope" && place.root_owned == 1 && place.real_root)
      return {Text::of("init.scope")};
    return {Text::unresolved("unit_name_outside_system_and_user_slice")};
  }
  if (!place.real_root) return {Text::unresolved("cgroup_root_not_visible")};
  size_t at = 0;
  while (at < names.size() && is_slice(names[at])) ++at;
  if (at == names.size() || !valid_unit(unescape(names[at])))
    return {Text::unresolved("unit_name_below_a_directory_that_is_no_slice")};
  const std::string unit(unescape(names[at]));
  if (place.root_owned > at || (place.root_owned == at && is_manager_of(unit, place.next_owner)))
    return {Text::of(unit), at};
  return {Text::unresolved("unit_cgroup_not_owned_by_root")};
}

// What user@1000.service calls a cgroup of its own: the user may call it what he likes, but nobody else may make it.
Text user_unit_of(const UnitPlace& manager, const std::vector<std::string_view>& names) {
  if (!manager.unit.known() || !manager.unit.value.starts_with("user@")) return {};
  size_t at = manager.at + 1;
  while (at < names.size() && is_slice(names[at])) ++at;
  if (at >= names.size() || !valid_unit(unescape(names[at]))) return {};
  return Text::of(std::string(unescape(names[at])));
}

bool is_hex_id(std::string_view id) {
  return id.size() == 64 && id.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// docker-ID.scope, cri-containerd-ID.scope, crio-ID.scope, libpod-ID.scope; and the cgroupfs driver's
// docker/ID, libpod-ID,
// .../podUID/ID. crio-conmon-ID and libpod-conmon-ID hold the monitor, not the container.
std::optional<std::string_view> container_in(std::string_view name, std::string_view parent, bool in_pod) {
  if (name.ends_with(".scope")) name.remove_suffix(6);
  for (const std::string_view prefix : {"docker-", "cri-containerd-", "crio-", "libpod-", "nerdctl-"})
    if (name.starts_with(prefix) && is_hex_id(name.substr(prefix.size()))) return name.substr(prefix.size());
  if (is_hex_id(name) && (in_pod || parent == "docker" || parent == "containerd" || parent == "default"))
    return name;
  return std::nullopt;
}

bool is_uid(std::string_view uid) {
  return uid.size() >= 32 && uid.size() <= 36 &&
         uid.find_first_not_of("0123456789abcdef-") == std::string_view::npos;
}

// kubelet: "pod<uid>" (cgroupfs) or "kubepods-burstable-pod<uid with _ for ->.slice" (systemd).
std::optional<std::string> pod_in(std::string_view name) {
  if (name.ends_with(".slice")) {
    name.remove_suffix(6);
    const size_t pod = name.rfind("-pod");
    if (!name.starts_with("kubepods") || pod == std::string_view::npos) return std::nullopt;
    name.remove_prefix(pod + 1);
  }
  if (!name.starts_with("pod")) return std::nullopt;
  std::string uid(name.substr(3));
  std::ranges::replace(uid, '_', '-');
  if (!is_uid(uid)) return std::nullopt;
  return uid;
}

bool is_kubepods(std::string_view name) {
  return name == "kubepods" || name == "kubepods.slice";
}

}  // namespace

std::optional<ContainerName> container_name(std::string_view path) {
  const std::vector<std::string_view> names = components(path);
  bool in_pod = false;
  for (size_t i = 0; i < names.size(); ++i) {
    in_pod = in_pod || pod_in(names[i]);
    if (const auto id = container_in(names[i], i > 0 ? names[i - 1] : "", in_pod))
      // The outermost: root inside a container names what is below as it likes.
      return ContainerName{std::string(*id), i + 1, static_cast<size_t>(names[i].data() + names[i].size() - path.data())};
  }
  return std::nullopt;
}

std::optional<std::string> pod_uid_in(std::string_view path) {
  const std::vector<std::string_view> names = components(path);
  // kubepods may stand below another cgroup (kind, a kubelet with cgroupRoot).
  auto at = std::ranges::find_if(names, is_kubepods);
  for (; at != names.end(); ++at)
    if (auto uid = pod_in(*at)) return uid;
  return std::nullopt;
}

std::vector<std::pair<std::string, std::string>> cgroup_lines(std::string_view proc_cgroup) {
  std::vector<std::pair<std::string, std::string>> lines;
  while (!proc_cgroup.empty()) {
    const std::string_view line = proc_cgroup.substr(0, proc_cgroup.find('\n'));
    proc_cgroup.remove_prefix(std::min(line.size() + 1, proc_cgroup.size()));
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first != std::string_view::npos && second != std::string_view::npos)
      lines.emplace_back(line.substr(first + 1, second - first - 1), line.substr(second + 1));
  }
  return lines;
}

Workload workload_of(const CgroupPlace& place) {
  const std::vector<std::string_view> names = components(place.path);
  Workload found;
  if (names.empty()) return found;
  const UnitPlace unit = unit_of(place, names);
  found.unit = unit.unit;
  found.user_unit = user_unit_of(unit, names);
  if (unit.unit.known() && unit.at > 0) found.slice = Text::of(std::string(unescape(names[unit.at - 1])));
  if (unit.unit.state == Text::State::unresolved) found.slice = Text::unresolved(unit.unit.why);
  const auto believed = [&](size_t components_needed) { return place.root_owned >= components_needed; };
  const auto pod = std::ranges::find_if(names, [](std::string_view name) { return pod_in(name).has_value(); });
  if (const auto uid = pod_uid_in(place.path))
    found.pod_uid = believed(static_cast<size_t>(pod - names.begin()) + 1) ? Text::of(*uid)
                                                                          : Text::unresolved("pod_cgroup_not_owned_by_root");
  if (const auto container = container_name(place.path))
    found.container_id = believed(container->components) ? Text::of(container->id)
                                                         : Text::unresolved("container_cgroup_not_owned_by_root");
  return found;
}

}  // namespace warden::attribution
