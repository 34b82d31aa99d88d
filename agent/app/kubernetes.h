// SPDX-License-Identifier: Apache-2.0
// PodWatch: keeps Pods what the API server says of this node: a list, then a watch from its version on, resumed where it
// ends, listed anew where the server no longer has that version (410 Gone). On the control thread's io_context; the token and
// the authority's certificate are read anew for each connection, since both rotate. Failures wait longer each time.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/app/config.h"
#include "agent/attribution/pods.h"

namespace warden::app {

struct PodWatchStatus {
  std::string state = "connecting";  // connecting, watching, failing
  std::string detail;                // of the last failure
  uint64_t lists = 0, watches = 0, failures = 0;
};

class PodWatch {
 public:
  // Where the API server is: as configured, or for `auto` as a pod is told by its environment; nullopt: not in a cluster.
  static std::optional<KubernetesConfig> locate(const KubernetesConfig& config);
  // `changed` is called after each change of `pods`.
  static std::unique_ptr<PodWatch> start(boost::asio::io_context& io, const KubernetesConfig& config, attribution::Pods& pods,
                                         std::function<void()> changed);
  virtual ~PodWatch() = default;
  [[nodiscard]] virtual const PodWatchStatus& status() const = 0;
};

}  // namespace warden::app
