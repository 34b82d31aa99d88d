// SPDX-License-Identifier: Apache-2.0
// Workload: what a cgroup's path says of the systemd unit, container and pod a process belongs to. Names are
// believed only as far as root alone could have made them; a name of that shape elsewhere is unresolved,
// never taken at its word. Sources: systemd's CGROUP_DELEGATION and cgroup-util (escaping),
// docker/podman/containerd/CRI-O cgroup drivers, kubelet's cgroup naming.
#pragma once

#include <string>

#include "agent/attribution/cgroup.h"
#include "agent/attribution/identity.h"

namespace warden::attribution {

struct Workload {
  Known<std::string> unit, container_id, pod_uid;
};

Workload workload_of(const CgroupPlace& place);

}  // namespace warden::attribution
