// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/down.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "agent/app/config.h"
#include "agent/cli/admin_client.h"
#include "agent/cli/output.h"
#include "agent/kernel/guard.h"

namespace warden::cli {

int run_down(const DownOptions& options) {
  const auto config = app::load_agent_config(options.config);
  if (!config) return wrong(config.error().detail);
  bool clean = true;
  // Trust is undone by the agent, which knows what it did; without one there is only what the kernel holds.
  const auto trust =
      ask_agent(options.config, R"({"cmd":"trust","action":"remove"})", [&](std::string_view line) {
        if (line.find("\"error\"") != std::string_view::npos) clean = false;
        return true;
      });
  std::printf("trust: %s\n",
              trust ? (clean ? "removed" : "not removed; see `egresswarden trust list`")
                    : "no agent runs; start it and use `egresswarden trust remove` if it injected any");
  const auto removed = kernel::Guard::remove(config->bpffs_dir);
  std::printf("kernel programs and pins: %s\n", removed ? "removed" : removed.error().detail.c_str());
  clean = clean && removed.has_value();
  // Only a folder that the config names and that is empty of processes; the cgroup2 root is never configured
  // by path.
  if (!config->intercept.cgroup.empty()) {
    const bool gone = ::rmdir(config->intercept.cgroup.c_str()) == 0 || errno == ENOENT;
    std::printf("cgroup %s: %s\n", config->intercept.cgroup.c_str(), gone ? "removed" : std::strerror(errno));
    clean = clean && (gone || errno == EBUSY);
  }
  return clean ? 0 : 1;
}

}  // namespace warden::cli
