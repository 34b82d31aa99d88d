// SPDX-License-Identifier: Apache-2.0
// Pods: the pods of this node as the API server last told them, by uid. Filled by lists and watch events (app/kubernetes.h);
// a pod that was deleted is remembered for a while, since its processes may outlive it. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace warden::attribution {

struct PodContainer {
  std::string id;  // without the runtime's name
  std::string name, image, image_digest;
};

struct Pod {
  std::string ns, name, uid, service_account, owner;  // owner: "ReplicaSet/web-7d", empty: none
  std::string config_hash;                            // of a static pod: its cgroup bears this in place of the uid
  std::vector<std::string> labels;                    // "key=value", sorted
  std::vector<PodContainer> containers;
};

struct PodList {
  std::vector<Pod> pods;
  std::string resource_version, next;  // next: the token of the following page, empty: none
};

struct PodEvent {
  enum class Kind { put, removed, bookmark, expired, failed };
  Kind kind = Kind::failed;
  Pod pod;
  std::string resource_version;
};

// nullopt: not what the API says. Entries without name or uid are left out.
std::optional<PodList> parse_pod_list(std::string_view body);
std::optional<PodEvent> parse_pod_event(std::string_view line);  // one line of a watch

class Pods {
 public:
  static constexpr size_t kPodsMax = 4096;
  // All there are; what is not among them is gone.
  void replace(std::vector<Pod> pods);
  void apply(PodEvent event);
  [[nodiscard]] std::shared_ptr<const Pod> find(const std::string& uid) const;
  [[nodiscard]] size_t size() const { return pods_.size(); }

 private:
  struct Entry {
    std::shared_ptr<const Pod> pod;
    std::optional<std::chrono::steady_clock::time_point> removed;
  };
  void put(Pod pod);
  void expire();
  std::map<std::string, Entry> pods_;  // by uid, static ones by their hash too
};

}  // namespace warden::attribution
