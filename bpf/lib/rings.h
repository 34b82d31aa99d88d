/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * What is told to the agent, and what happens when it cannot be: each kind of event has a ring of its own, and each user
 * a share of what is told of refusals and of bytes let through, so that nobody can drown what others cause, nor their own
 * passing flows in refused ones. What is not told is counted by user and reason; what may only pass if it is recorded
 * does not pass then.
 */
#ifndef EGRESSWARDEN_BPF_LIB_RINGS_H
#define EGRESSWARDEN_BPF_LIB_RINGS_H

#include "bpf/lib/common.h"
#include "bpf/lib/process.h"

#define EW_BUDGET_NS 1000000000ULL

/* Packet programs of older kernels are not offered bpf_get_current_uid_gid(). */
static __always_inline __u32 current_uid(void) {
  struct task_struct* task = (struct task_struct*)bpf_get_current_task();
  return BPF_CORE_READ(task, real_cred, uid.val);
}

static __always_inline void count_loss(__u32 uid, __u32 reason) {
  struct ew_loss loss = {.uid = uid, .reason = reason};
  __u64 one = 1;
  count(EW_EVENTS_DROPPED);
  __u64* known = bpf_map_lookup_elem(&losses, &loss);
  if (!known) {
    if (!bpf_map_update_elem(&losses, &loss, &one, BPF_NOEXIST)) return;
    known = bpf_map_lookup_elem(&losses, &loss); /* somebody else was faster, or there is no room */
  }
  if (!known) {
    loss.uid = EW_UID_UNKNOWN;
    known = bpf_map_lookup_elem(&losses, &loss);
  }
  if (known) __sync_fetch_and_add(known, 1);
}

/* Takes one from this user's share of the present second. Not exact between CPUs, which only makes it some larger. */
static __noinline __attribute__((unused)) int within_budget(__u32 uid, __u32 passing) {
  struct ew_budget* budget = bpf_map_lookup_elem(&budgets, &uid);
  if (!budget) {
    struct ew_budget fresh = {};
    bpf_map_update_elem(&budgets, &uid, &fresh, BPF_NOEXIST);
    budget = bpf_map_lookup_elem(&budgets, &uid);
    if (!budget) return 0;
  }
  __u64 now = bpf_ktime_get_ns();
  if (now - budget->since_ns > EW_BUDGET_NS) {
    budget->since_ns = now;
    budget->refusals = 0;
    budget->passing = 0;
  }
  if (passing) return budget->passing >= EW_PASSING_A_SECOND ? 0 : ++budget->passing > 0;
  return budget->refusals >= EW_REFUSALS_A_SECOND ? 0 : ++budget->refusals > 0;
}

/* Room for a record of `type` in the ring for refusals or for passing; null: it is lost, and counted. The caller submits. */
#define ew_reserve(type, uid, reason, passes)                                                        \
  ({                                                                                                 \
    type* ew_room = 0;                                                                               \
    if (within_budget(uid, passes)) {                                                                \
      if (passes)                                                                                    \
        ew_room = bpf_ringbuf_reserve(&passing, sizeof(type), 0);                                    \
      else                                                                                           \
        ew_room = bpf_ringbuf_reserve(&refusals, sizeof(type), 0);                                   \
    }                                                                                                \
    if (!ew_room) count_loss(uid, reason);                                                           \
    ew_room;                                                                                         \
  })

#endif
