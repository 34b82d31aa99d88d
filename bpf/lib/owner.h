/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * Whose stream it is and what was asked for, at the price of a few stores in connect(): the tripwire takes both when the
 * first packet, the SYN, comes by, which is within the same call.
 */
#ifndef EGRESSWARDEN_BPF_LIB_OWNER_H
#define EGRESSWARDEN_BPF_LIB_OWNER_H

#include "bpf/lib/common.h"
#include "bpf/lib/process.h"

#define ew_in_order() asm volatile("" ::: "memory")

static __always_inline struct ew_asked* own_slot(void) {
  struct task_struct* task = (struct task_struct*)bpf_get_current_task();
  __u32 slot = BPF_CORE_READ(task, pid) & (EW_ASKED_SLOTS - 1);
  return bpf_map_lookup_elem(&asked, &slot);
}

/* In connect(). Another thread may have the same slot at the same time: the cookie then is another one's, and what was
 * asked for counts as not seen. */
static __always_inline void note_asked(struct bpf_sock_addr* ctx, const struct ew_destination* destination) {
  struct ew_asked* slot = own_slot();
  if (!slot) return;
  slot->cookie = 0;
  ew_in_order();
  slot->destination = *destination;
  ew_in_order();
  slot->cookie = bpf_get_socket_cookie(ctx);
}

/* A packet of a socket whose lock a task holds is made by that task: what interrupts it defers its own work on the socket.
 * The pointer goes through memory, after which the verifier takes it for a number. */
static __always_inline int is_made_by_current(struct bpf_sock* socket, struct ew_watch* watch) {
  volatile __u64* memory = (volatile __u64*)&watch->owner_start_boottime_ns;
  *memory = (__u64)socket;
  const struct sock* whole = (const struct sock*)*memory;
  *memory = 0;
  return BPF_CORE_READ(whole, sk_lock.owned) != 0;
}

/* At the first packet. */
static __always_inline void note_owner(struct __sk_buff* skb, struct bpf_sock* socket, struct ew_watch* watch) {
  struct ew_asked* slot = own_slot();
  if (slot && slot->cookie == bpf_get_socket_cookie(skb)) watch->asked = slot->destination;
  if (!is_made_by_current(socket, watch)) return;
  struct task_struct* task = (struct task_struct*)bpf_get_current_task();
  struct task_struct* leader = BPF_CORE_READ(task, group_leader);
  watch->owner_tgid = pid_seen_by_agent(leader);
  watch->owner_start_boottime_ns = BPF_CORE_READ(leader, start_boottime);
  watch->owner_uid = BPF_CORE_READ(task, real_cred, uid.val);
  watch->owner_gid = BPF_CORE_READ(task, real_cred, gid.val);
}

#endif
