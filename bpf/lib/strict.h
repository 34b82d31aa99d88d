/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * Strict mode: whether a TCP connection to an address that nobody has taught us goes to a worker, which reads its opening and
 * passes it on if no LLM is named there. Whatever is not redirected here goes its own way, under the tripwire's eyes: a dead
 * agent harms nobody's other traffic.
 */
#ifndef EGRESSWARDEN_BPF_LIB_STRICT_H
#define EGRESSWARDEN_BPF_LIB_STRICT_H

#include "bpf/lib/common.h"
#include "bpf/lib/destination.h"
#include "bpf/lib/flow.h"

#define EW_TCP_LISTEN 10

/* This host's own services, and link-local addresses, which nobody can dial without the interface that came with them. Any
 * address (0.0.0.0, ::) is loopback to connect(). */
static __always_inline int is_near(const struct ew_destination* destination) {
  __u32 first = destination->address[0], last = destination->address[3];
  if (is_mapped(destination->address)) return !last || (last & __builtin_bswap32(0xff000000)) == __builtin_bswap32(0x7f000000);
  if (!first && !destination->address[1] && !destination->address[2]) return !last || last == __builtin_bswap32(1);
  return (first & __builtin_bswap32(0xffc00000)) == __builtin_bswap32(0xfe800000);
}

/* A socket with a device or a mark of its own is meant to take a route of its own, as a VPN's is, which a worker's connection
 * would not take. */
static __always_inline int has_own_route(struct bpf_sock_addr* ctx) {
  struct bpf_sock* socket = ctx->sk;
  return !socket || ew_read(socket->bound_dev_if) || ew_read(socket->mark);
}

/* The supervisor talks to the collector and to the API server, and must not wait for its own workers to do so. */
static __always_inline int is_supervisor(const struct ew_config* settings) {
  struct task_struct* task = (struct task_struct*)bpf_get_current_task();
  __u32 tgid = pid_seen_by_agent(BPF_CORE_READ(task, group_leader));
  return tgid && tgid == settings->agent_tgid;
}

/* Workers end with their supervisor, at once, and the heartbeat goes stale only later: asked in between, nobody listens. */
static __always_inline int is_open(struct bpf_sock_addr* ctx, __u32 port, int to_v4) {
  struct bpf_sock_tuple tuple = {};
  __u32 size = to_v4 ? sizeof(tuple.ipv4) : sizeof(tuple.ipv6);
  if (to_v4) {
    tuple.ipv4.daddr = __builtin_bswap32(0x7f000001);
    tuple.ipv4.dport = __builtin_bswap16(port);
  } else {
    tuple.ipv6.daddr[3] = __builtin_bswap32(1);
    tuple.ipv6.dport = __builtin_bswap16(port);
  }
  struct bpf_sock* listener = bpf_sk_lookup_tcp(ctx, &tuple, size, BPF_F_CURRENT_NETNS, 0);
  if (!listener) return 0;
  int listens = listener->state == EW_TCP_LISTEN;
  bpf_sk_release(listener);
  return listens;
}

/* The port of the namespace's listener; 0: not to be redirected. */
static __always_inline __u32 strict_listener(struct bpf_sock_addr* ctx, const struct ew_destination* destination,
                                             const struct ew_config* settings, int to_v4) {
  __u32 port = destination->port;
  if (settings->flags & EW_STRICT_SUSPENDED || !bpf_map_lookup_elem(&strict_ports, &port)) return 0;
  if (is_near(destination) || has_own_route(ctx) || is_supervisor(settings) || is_stale(settings)) return 0;
  __u64 netns = bpf_get_netns_cookie(ctx);
  __u32* listener = bpf_map_lookup_elem(&listeners, &netns);
  if (!listener) {
    report(ctx, destination, EW_EVENT_PASSED, EW_REASON_NO_LISTENER);  /* so that the namespace is served from now on */
    return 0;
  }
  return is_open(ctx, *listener, to_v4) ? *listener : 0;
}

#endif
