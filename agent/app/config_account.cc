// SPDX-License-Identifier: Apache-2.0
#include <pwd.h>

#include "agent/app/config.h"
#include "agent/app/config_values.h"

namespace warden::app {

constexpr uint32_t kWorkerUidFallback =
    64613;  // outside the ranges of distributions' and systemd's own accounts

Result<WorkerAccount, ConfigError> worker_account(const AgentConfig& config) {
  const std::string& name = config.worker_user;
  if (const passwd* entry = ::getpwnam(name.c_str()); entry != nullptr && entry->pw_uid != 0)
    return WorkerAccount{entry->pw_uid, entry->pw_gid};
  if (const auto number = parse_integer(name); number && *number > 0 && *number < 0xffffffff)
    return WorkerAccount{static_cast<uint32_t>(*number), static_cast<uint32_t>(*number)};
  if (name == AgentConfig().worker_user && ::getpwuid(kWorkerUidFallback) == nullptr)
    return WorkerAccount{kWorkerUidFallback, kWorkerUidFallback};
  return fail(ConfigError::invalid,
              "worker_user: no unprivileged user '" + name + "'; create it or give a number");
}

}  // namespace warden::app
