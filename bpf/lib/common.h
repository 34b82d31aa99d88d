/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* Small steps that every program family shares: configuration, counters, ring output. */
#ifndef EGRESSWARDEN_BPF_LIB_COMMON_H
#define EGRESSWARDEN_BPF_LIB_COMMON_H

#include "bpf/maps.h"

#define EW_PROGRAM_LICENSE char LICENSE[] SEC("license") = "GPL"

enum { EW_REFUSE = 0, EW_ALLOW = 1 }; /* what a cgroup program returns */

/* Reads a context field once, where it stands: clang otherwise merges reads into ctx + variable, which
 * verifiers refuse. */
#define ew_read(field)                    \
  ({                                      \
    __typeof__(field) ew_value = (field); \
    asm volatile("" : "+r"(ew_value));    \
    ew_value;                             \
  })

static __always_inline struct ew_config* configuration(void) {
  __u32 zero = 0;
  return bpf_map_lookup_elem(&config, &zero);
}

static __always_inline void count(enum ew_counter slot) {
  __u32 zero = 0;
  struct ew_counters* all = bpf_map_lookup_elem(&counters, &zero);
  if (all) all->slot[slot]++;
}

static __always_inline __u16 host_order(__u32 network_port) {
  return __builtin_bswap16((__u16)network_port);
}

static __always_inline void set_mapped(__u32* address, __u32 v4) {
  address[0] = 0;
  address[1] = 0;
  address[2] = __builtin_bswap32(0xffff);
  address[3] = v4;
}

static __always_inline int is_mapped(const __u32* address) {
  return address[0] == 0 && address[1] == 0 && address[2] == __builtin_bswap32(0xffff);
}

#endif
