// SPDX-License-Identifier: Apache-2.0
// What container runtimes write down of their containers, as facts. Pure: bytes in, facts out. The bytes are bounded and may
// be anything: a text that is too long, nested or malformed is nullopt. Sources: runc's libcontainer state, the OCI runtime
// specification, dockerd's config.v2.json, containers/storage (podman, CRI-O), the annotations of containerd's CRI and CRI-O.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/attribution/identity.h"

namespace warden::attribution {

struct ContainerFacts {
  std::string runtime;  // docker, containerd, podman, cri-o
  Known<std::string> name, image;
  Known<std::string> image_digest;  // of the manifest where the runtime tells it, else of the image's configuration
  Known<std::vector<std::string>> labels;  // "key=value", sorted
  Known<std::string> pod_namespace, pod_name, pod_uid;  // where the runtime serves a kubelet
};

// Who is the container's first process, and where is its bundle?
struct RuntimeState {
  int32_t pid = 0;
  uint64_t start_ticks = 0;
  std::string bundle;
};

std::optional<RuntimeState> parse_runc_state(std::string_view state_json);
std::optional<RuntimeState> parse_crun_status(std::string_view status);
std::optional<ContainerFacts> parse_docker_config(std::string_view config_v2_json, std::string_view id);
std::optional<ContainerFacts> parse_bundle(std::string_view config_json);
// containers.json and images.json of containers/storage; the latter may be empty.
std::optional<ContainerFacts> parse_storage(std::string_view containers_json, std::string_view images_json, std::string_view id);

}  // namespace warden::attribution
