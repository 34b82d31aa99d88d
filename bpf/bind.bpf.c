// SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0)
// cgroup/bind4 and 6: the listener's port belongs to the agent, also while it is down; whoever bound it then
// would be handed other processes' prompts.
#include "bpf/lib/common.h"
#include "bpf/lib/process.h"

EW_PROGRAM_LICENSE;

static __always_inline int decide(struct bpf_sock_addr* ctx) {
  __u64 netns = bpf_get_netns_cookie(ctx);
  __u32* listener = bpf_map_lookup_elem(&listeners, &netns);
  if (!listener || *listener != host_order(ew_read(ctx->user_port))) return EW_ALLOW;
  struct ew_config* settings = configuration();
  if (!settings) return EW_ALLOW;
  if (settings->exempt_cgroup && bpf_get_current_cgroup_id() == settings->exempt_cgroup) return EW_ALLOW;
  struct task_struct* task = (struct task_struct*)bpf_get_current_task();
  __u32 tgid = pid_seen_by_agent(BPF_CORE_READ(task, group_leader));
  return tgid && tgid == settings->agent_tgid ? EW_ALLOW : EW_REFUSE;
}

SEC("cgroup/bind4")
int ew_bind4(struct bpf_sock_addr* ctx) {
  return decide(ctx);
}

SEC("cgroup/bind6")
int ew_bind6(struct bpf_sock_addr* ctx) {
  return decide(ctx);
}
