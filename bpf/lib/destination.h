/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* What the address hooks ask about a destination: is it an LLM's, and may it be reached just now? */
#ifndef EGRESSWARDEN_BPF_LIB_DESTINATION_H
#define EGRESSWARDEN_BPF_LIB_DESTINATION_H

#include "bpf/lib/common.h"

static __always_inline int is_llm(const struct ew_destination* destination) {
  return bpf_map_lookup_elem(&destinations, destination) || bpf_map_lookup_elem(&learned, destination);
}

/* Told by the agent, which configured or resolved it; what is only learned is somebody's word. */
static __always_inline int is_told(const struct ew_destination* destination) {
  return bpf_map_lookup_elem(&destinations, destination) != 0;
}

static __always_inline __u64 generation(void) {
  __u32 told = EW_GENERATION_TOLD, by_programs = EW_GENERATION_LEARNED;
  __u64* first = bpf_map_lookup_elem(&generations, &told);
  __u64* second = bpf_map_lookup_elem(&generations, &by_programs);
  return first && second ? *first + *second : 0;
}

/* A destination has been learned: sockets that lead there already are to be looked at again. */
static __always_inline void new_destination(void) {
  __u32 by_programs = EW_GENERATION_LEARNED;
  __u64* learned_so_far = bpf_map_lookup_elem(&generations, &by_programs);
  if (learned_so_far) __sync_fetch_and_add(learned_so_far, 1);
}

/* By cgroup and not by socket mark, which any CAP_NET_ADMIN may set. */
static __always_inline int is_worker(const struct ew_config* settings) {
  return settings->exempt_cgroup && bpf_get_current_cgroup_id() == settings->exempt_cgroup;
}

static __always_inline int is_exempt(const struct ew_config* settings) {
  if (!is_worker(settings)) return 0;
  count(EW_PASSED);
  return 1;
}

static __always_inline int observes(const struct ew_config* settings) {
  return (settings->flags & EW_OBSERVE) != 0;
}

static __always_inline int is_stale(const struct ew_config* settings) {
  __u32 zero = 0;
  __u64* beat = bpf_map_lookup_elem(&heartbeat, &zero);
  if (!beat || !*beat) return 1;
  /* A beat written while this program ran is later than `now`: the signed difference keeps it fresh. */
  __s64 age = (__s64)(bpf_ktime_get_ns() - *beat);
  return age > (__s64)settings->stale_after_ns;
}

#endif
