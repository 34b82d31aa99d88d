// SPDX-License-Identifier: Apache-2.0
#include "agent/app/guard_config.h"

namespace warden::app {

kernel::GuardConfig guard_config(const AgentConfig& config, const std::string& cgroup, uint64_t exempt_cgroup) {
  kernel::GuardConfig guard;
  guard.cgroup = cgroup;
  guard.bpffs_dir = config.bpffs_dir;
  guard.exempt_cgroup = exempt_cgroup;
  guard.pass_when_stale = config.intercept.pass_when_agent_down;
  guard.refuse_unknown_quic = config.intercept.refuse_unknown_quic;
  guard.pass_unreadable = config.intercept.pass_unreadable_hello;
  guard.refuse_special_sockets = config.intercept.refuse_raw_sockets;
  if (config.intercept.strict) guard.strict_ports = config.intercept.strict_ports;
  guard.observe = config.intercept.observe;
  guard.stale_after = config.intercept.stale_after;
  return guard;
}

}  // namespace warden::app
