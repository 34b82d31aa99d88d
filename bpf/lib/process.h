/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* Reads a task's facts. Nothing an application can write is among them, but for comm. */
#ifndef EGRESSWARDEN_BPF_LIB_PROCESS_H
#define EGRESSWARDEN_BPF_LIB_PROCESS_H

#include "bpf/lib/common.h"
#include "bpf/lib/kernel_types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

static __always_inline struct kernfs_node* kernfs_parent(struct kernfs_node* node) {
  struct kernfs_node___rcu* newer = (void*)node;
  if (bpf_core_field_exists(newer->__parent)) return BPF_CORE_READ(newer, __parent);
  return BPF_CORE_READ(node, parent);
}

/* Whether the task's cgroup is `guarded` or below it: tracepoints see the whole system. */
static __always_inline int in_cgroup(struct task_struct* task, __u64 guarded) {
  struct kernfs_node* node = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn);
  for (__u64 i = 0; i < EW_CGROUP_DEPTH_MAX; i++) {
    if (!node) return 0;
    if (BPF_CORE_READ(node, id) == guarded) return 1;
    node = kernfs_parent(node);
  }
  return 0;
}

/* Names for when the cgroup is removed before anybody can look its id up. */
static __always_inline void read_cgroup_names(struct task_struct* task, struct ew_process* out) {
  struct kernfs_node* node = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn);
#pragma unroll
  for (int i = 0; i < EW_CGROUP_LEVELS; i++) {
    struct kernfs_node* parent = node ? kernfs_parent(node) : 0;
    out->cgroup_names[i][0] = 0;
    /* The root has no parent and no name worth keeping. */
    if (parent)
      bpf_probe_read_kernel_str(out->cgroup_names[i], EW_CGROUP_NAME_BYTES, BPF_CORE_READ(node, name));
    node = parent;
  }
}

/* real_cred rather than cred: what /proc shows, and what io_uring personalities and overrides cannot move. */
static __always_inline void read_credentials(struct task_struct* task, struct ew_process* out) {
  const struct cred* cred = BPF_CORE_READ(task, real_cred);
  out->uid = BPF_CORE_READ(cred, uid.val);
  out->gid = BPF_CORE_READ(cred, gid.val);
  out->euid = BPF_CORE_READ(cred, euid.val);
  out->loginuid = ~0u;
  out->session = ~0u;
  if (bpf_core_field_exists(task->loginuid)) out->loginuid = BPF_CORE_READ(task, loginuid.val);
  if (bpf_core_field_exists(task->sessionid)) out->session = BPF_CORE_READ(task, sessionid);
}

#define EW_PID_NAMESPACE_INITIAL 0xEFFFFFFCU /* PROC_PID_INIT_INO, fixed by the kernel's ABI */
#define EW_PID_LEVELS_MAX 8

/* The task's number as the agent's /proc names it: an agent in a container (or a booted container under test)
 * has a pid namespace of its own. Zero: the task is not visible there. */
static __noinline int pid_seen_by_agent(struct task_struct* task) {
  struct ew_config* settings = configuration();
  __u32 wanted = settings ? settings->pid_namespace : EW_PID_NAMESPACE_INITIAL;
  if (wanted == EW_PID_NAMESPACE_INITIAL) return BPF_CORE_READ(task, pid);
  struct pid* pid = BPF_CORE_READ(task, thread_pid);
  __u32 level = BPF_CORE_READ(pid, level);
  char* number = (char*)pid + bpf_core_field_offset(pid->numbers);
  for (__u32 i = 0; i < EW_PID_LEVELS_MAX; i++) {
    if (i > level) return 0;
    struct upid* at = (struct upid*)(number + i * bpf_core_type_size(struct upid));
    if (BPF_CORE_READ(at, ns, ns.inum) == wanted) return BPF_CORE_READ(at, nr);
  }
  return 0;
}

static __always_inline void read_process(struct task_struct* task, struct ew_process* out) {
  struct task_struct* leader = BPF_CORE_READ(task, group_leader);
  struct inode* exe = BPF_CORE_READ(task, mm, exe_file, f_inode);
  out->tgid = pid_seen_by_agent(leader);
  out->tid = pid_seen_by_agent(task);
  struct task_struct* parent = BPF_CORE_READ(leader, real_parent, group_leader);
  out->ppid = pid_seen_by_agent(parent);
  out->parent_start_boottime_ns = BPF_CORE_READ(parent, start_boottime);
  out->start_boottime_ns = BPF_CORE_READ(leader, start_boottime);
  out->netns_cookie = 0;
  if (bpf_core_field_exists(struct net, net_cookie))
    out->netns_cookie = BPF_CORE_READ(task, nsproxy, net_ns, net_cookie);
  out->exe_inode = BPF_CORE_READ(exe, i_ino);
  out->exe_device = BPF_CORE_READ(exe, i_sb, s_dev);
  out->noted = 0;
  bpf_probe_read_kernel(out->comm, sizeof(out->comm), &leader->comm);
  read_credentials(task, out);
  out->cgroup_id = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
  read_cgroup_names(task, out);
}

#endif
