// SPDX-License-Identifier: Apache-2.0
// Runtimes: a container's facts from what its runtime left on the host, for a process whose cgroup bears a container's name.
// A name alone proves nothing: whoever was given a cgroup names what is below it. So the container is believed only where
// the runtime's own state, which root alone can write, names a first process that is alive under its start time and stands
// under the same cgroup. One thread; files are read once per container and remembered for a minute.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/attribution/container.h"
#include "agent/base/fd.h"

namespace warden::attribution {

// A cgroup path up to the name of a container, in one hierarchy: "" is cgroup2, else its controllers ("memory").
struct ContainerPlace {
  std::string hierarchy, path, id;
  bool operator==(const ContainerPlace&) const = default;
};

// The outermost container in the text of /proc/PID/cgroup; cgroup2 first, then the controllers in their order.
std::optional<ContainerPlace> container_place(std::string_view proc_cgroup);

class Runtimes {
 public:
  // `root`: the root folder of the host, where runtimes keep their state; from within a container /proc/1/root.
  explicit Runtimes(std::string root = "/proc/1/root") : root_path_(std::move(root)) {}
  Known<ContainerFacts> find(const ContainerPlace& place);

 private:
  struct Entry {
    Known<ContainerFacts> facts;
    std::chrono::steady_clock::time_point until;
  };
  Known<ContainerFacts> look(const ContainerPlace& place);
  std::optional<std::string> read(const std::string& path) const;
  std::vector<std::string> folders(const std::string& path) const;
  std::optional<RuntimeState> state_of(const std::string& id) const;
  std::optional<ContainerFacts> facts_of(const std::string& id, const RuntimeState& state) const;

  std::string root_path_;
  Fd root_;
  std::map<std::string, Entry> known_;
};

}  // namespace warden::attribution
