// SPDX-License-Identifier: Apache-2.0
// What an API server answers, as anything that might come.
#include "agent/attribution/pods.h"
#include "agent/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace warden::attribution;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Pods pods;
  if (auto list = parse_pod_list(bytes)) {
    for (const Pod& pod : list->pods) WARDEN_CHECK(!pod.uid.empty() && !pod.name.empty() && !pod.ns.empty());
    pods.replace(std::move(list->pods));
  }
  if (auto event = parse_pod_event(bytes)) pods.apply(std::move(*event));
  WARDEN_CHECK(pods.size() <= Pods::kPodsMax);
  return 0;
}
