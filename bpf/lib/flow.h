/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* Flow records and the ways a connection to an LLM ends other than by redirection. */
#ifndef EGRESSWARDEN_BPF_LIB_FLOW_H
#define EGRESSWARDEN_BPF_LIB_FLOW_H

#include "bpf/lib/common.h"
#include "bpf/lib/process.h"
#include "bpf/lib/rings.h"

#define EW_QUIC_PORT 443

static __always_inline void fill_flow(struct bpf_sock_addr* ctx, const struct ew_destination* destination,
                                      __u64 netns, struct ew_flow_event* out) {
  struct ew_flow* flow = &out->flow;
  read_process((struct task_struct*)bpf_get_current_task(), &flow->process);
  flow->socket_cookie = bpf_get_socket_cookie(ctx);
  flow->connect_boot_ns = bpf_ktime_get_boot_ns();
  flow->original = *destination;
  flow->listener_port = 0;
  flow->rewritten_v4 = 0;
  /* The socket's namespace, which is where its listener must be; the task may have moved on since. */
  flow->process.netns_cookie = netns;
}

/* A subprogram of its own: inlined at each refusal, it would make the connect hooks several times as long. */
static __noinline int report(struct bpf_sock_addr* ctx, const struct ew_destination* destination,
                             enum ew_event_kind kind, enum ew_reason reason) {
  int passes = kind == EW_EVENT_PASSED;
  struct ew_flow_event* record = ew_reserve(struct ew_flow_event, current_uid(), reason, passes);
  if (!record) return 0;
  fill_flow(ctx, destination, bpf_get_netns_cookie(ctx), record);
  record->event.kind = kind;
  record->event.reason = reason;
  bpf_ringbuf_submit(record, 0);
  return 1;
}

static __always_inline int refuse(struct bpf_sock_addr* ctx, const struct ew_destination* destination,
                                  enum ew_event_kind kind, enum ew_reason reason) {
  count(EW_REFUSED);
  report(ctx, destination, kind, reason);
  return EW_REFUSE;
}

static __always_inline int when_stale(struct bpf_sock_addr* ctx, const struct ew_destination* destination,
                                      const struct ew_config* settings) {
  if (!(settings->flags & EW_PASS_WHEN_STALE))
    return refuse(ctx, destination, EW_EVENT_REFUSED, EW_REASON_AGENT_STALE);
  if (!report(ctx, destination, EW_EVENT_PASSED, EW_REASON_AGENT_STALE))
    return refuse(ctx, destination, EW_EVENT_REFUSED, EW_REASON_UNRECORDED);
  count(EW_PASSED);
  return EW_ALLOW;
}

/* Whether it is recorded already that the socket sends to this unknown address. */
static __noinline int is_noted(const struct ew_noted* reported, const struct ew_destination* destination) {
  if (!reported || !destination) return 0;
  for (__u64 i = 0; i < EW_NOTED_ADDRESSES; i++) {
    const __u32* known = reported->address[i];
    if (i >= reported->next) break;
    if (known[0] == destination->address[0] && known[1] == destination->address[1] &&
        known[2] == destination->address[2] && known[3] == destination->address[3])
      return 1;
  }
  return 0;
}

/* A subprogram of its own: clang otherwise shares its last store with one to the context, which verifiers refuse. */
static __noinline int note_address(struct ew_noted* reported, const struct ew_destination* destination) {
  if (!reported || !destination) return 0;
  __u64 at = reported->next++ & (EW_NOTED_ADDRESSES - 1);
  reported->address[at][0] = destination->address[0];
  reported->address[at][1] = destination->address[1];
  reported->address[at][2] = destination->address[2];
  reported->address[at][3] = destination->address[3];
  return 1;
}

/* UDP/443 to an address nobody has taught us: what it carries is encrypted, so it can only be refused or
 * noted. */
static __always_inline int unknown_quic(struct bpf_sock_addr* ctx, const struct ew_destination* destination) {
  if (destination->port != EW_QUIC_PORT) return EW_ALLOW;
  struct ew_config* settings = configuration();
  if (!settings) return EW_ALLOW;
  if (settings->exempt_cgroup && bpf_get_current_cgroup_id() == settings->exempt_cgroup) return EW_ALLOW;
  if (settings->flags & EW_REFUSE_UNKNOWN_QUIC)
    return refuse(ctx, destination, EW_EVENT_QUIC_REFUSED, EW_REASON_UNKNOWN_QUIC);
  struct bpf_sock* socket = ctx->sk;
  struct ew_noted* reported = socket ? bpf_sk_storage_get(&noted, socket, 0, BPF_SK_STORAGE_GET_F_CREATE) : 0;
  if (is_noted(reported, destination)) return EW_ALLOW;
  if (!report(ctx, destination, EW_EVENT_PASSED, EW_REASON_UNKNOWN_QUIC))
    return refuse(ctx, destination, EW_EVENT_QUIC_REFUSED, EW_REASON_UNRECORDED);
  note_address(reported, destination);
  return EW_ALLOW;
}

#endif
