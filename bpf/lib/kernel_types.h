/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * The few kernel fields the programs read, found on the running kernel by CO-RE relocation. A type named
 * x___y is a variant of x on other kernel versions; the loader ignores what follows the three underscores.
 */
#ifndef EGRESSWARDEN_BPF_LIB_KERNEL_TYPES_H
#define EGRESSWARDEN_BPF_LIB_KERNEL_TYPES_H

#include <linux/types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct kernfs_node {
  struct kernfs_node* parent; /* until 6.14 */
  const char* name;
  __u64 id;
};
struct kernfs_node___rcu {
  struct kernfs_node* __parent; /* 6.15 */
};
struct cgroup {
  struct kernfs_node* kn;
};
struct css_set {
  struct cgroup* dfl_cgrp; /* the cgroup2 membership, on hybrid hosts too */
};
struct kuid {
  __u32 val;
};
struct cred {
  struct kuid uid, gid, euid;
};
struct super_block {
  __u32 s_dev;
};
struct inode {
  unsigned long i_ino;
  struct super_block* i_sb;
};
struct file {
  struct inode* f_inode;
};
struct mm_struct {
  struct file* exe_file;
};
struct net {
  __u64 net_cookie; /* a plain number since 5.12 */
};
struct nsproxy {
  struct net* net_ns;
};
struct ns_common {
  unsigned int inum;
};
struct pid_namespace {
  struct ns_common ns;
};
struct upid {
  int nr;
  struct pid_namespace* ns;
};
struct pid {
  unsigned int level;
  struct upid numbers[1]; /* one for each namespace the task is in, the initial one first */
};
struct ew_atomic {
  int counter;
};
struct signal_struct {
  struct ew_atomic live; /* threads not yet exited */
};
struct task_struct {
  int pid, tgid;
  struct task_struct *real_parent, *group_leader;
  struct pid* thread_pid;
  __u64 start_boottime;
  const struct cred* real_cred;
  char comm[16];
  struct nsproxy* nsproxy;
  struct css_set* cgroups;
  struct signal_struct* signal;
  struct mm_struct* mm;
  struct kuid loginuid; /* CONFIG_AUDIT */
  unsigned int sessionid;
};
struct sock {
  struct {
    int owned; /* a task has it, and not what interrupts tasks */
  } sk_lock;
};
struct linux_binprm {
  const char* filename;
};

#pragma clang attribute pop

#endif
