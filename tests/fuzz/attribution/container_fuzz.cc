// SPDX-License-Identifier: Apache-2.0
// What runtimes left on disk and what cgroups are called, as anything that might stand there.
#include "agent/attribution/container.h"
#include "agent/attribution/runtimes.h"
#include "agent/attribution/workload.h"
#include "agent/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace warden::attribution;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto state = parse_runc_state(bytes)) WARDEN_CHECK(state->pid > 0);
  if (const auto state = parse_crun_status(bytes)) WARDEN_CHECK(state->pid > 0);
  parse_docker_config(bytes, "a");
  parse_bundle(bytes);
  parse_storage(bytes, bytes, "a");
  for (const auto& [hierarchy, path] : cgroup_lines(bytes)) pod_uid_in(path);
  if (const auto place = container_place(bytes)) WARDEN_CHECK(place->id.size() == 64 && place->path.find(place->id) != std::string::npos);
  return 0;
}
