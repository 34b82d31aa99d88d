// SPDX-License-Identifier: Apache-2.0
// Workload: what a cgroup's path says of the systemd unit, container and pod a process belongs to. Names are
// believed only as far as root alone could have made them; a name of that shape elsewhere is unresolved,
// never taken at its word. Sources: systemd's CGROUP_DELEGATION and cgroup-util (escaping),
// docker/podman/containerd/CRI-O cgroup drivers, kubelet's cgroup naming.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/attribution/cgroup.h"
#include "agent/attribution/identity.h"

namespace warden::attribution {

struct Workload {
  Known<std::string> unit, slice;
  Known<std::string> user_unit;  // of a user's own manager: that user's word, and nobody else's
  Known<std::string> container_id, pod_uid;
};

Workload workload_of(const CgroupPlace& place);

// The outermost component of a cgroup path that has the shape of a container's name. Shape, not proof.
struct ContainerName {
  std::string id;
  size_t components = 0;  // up to it and with it
  size_t end = 0;         // in the path
};
std::optional<ContainerName> container_name(std::string_view path);
// The pod in whose cgroup a path lies, by its shape.
std::optional<std::string> pod_uid_in(std::string_view path);

// Hierarchy ("": cgroup2, else its controllers) and path of each line of /proc/PID/cgroup.
std::vector<std::pair<std::string, std::string>> cgroup_lines(std::string_view proc_cgroup);

}  // namespace warden::attribution
