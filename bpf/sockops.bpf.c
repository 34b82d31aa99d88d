// SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0)
// sockops: names a redirected connection by what accept() will show. The source port is known and the SYN not
// yet sent, so the agent can never accept a connection before its entry is here.
#include "bpf/lib/common.h"

EW_PROGRAM_LICENSE;

#define EW_AF_INET 2
#define EW_TCP_ESTABLISHED 1
#define EW_TCP_SYN_SENT 2
#define EW_TCP_CLOSE 7
#define EW_TCP_CLOSE_WAIT 8

// The flow of this socket if its present peer is the listener it was redirected to: a socket may be
// disconnected and connected elsewhere, and keeps its storage.
static __always_inline struct ew_flow_event* redirected(struct bpf_sock_ops* ctx) {
  struct bpf_sock* socket = ctx->sk;
  if (!socket) return 0;
  struct ew_flow_event* flow = bpf_sk_storage_get(&sockets, socket, 0, 0);
  if (!flow) return 0;
  __u32 port = __builtin_bswap32(ew_read(ctx->remote_port));
  return port == flow->flow.listener_port ? flow : 0;
}

static __always_inline void fill_tuple(struct bpf_sock_ops* ctx, const struct ew_flow* flow,
                                       struct ew_tuple* tuple) {
  if (ew_read(ctx->family) == EW_AF_INET) {
    set_mapped(tuple->source, ew_read(ctx->local_ip4));
  } else {
    tuple->source[0] = ew_read(ctx->local_ip6[0]);
    tuple->source[1] = ew_read(ctx->local_ip6[1]);
    tuple->source[2] = ew_read(ctx->local_ip6[2]);
    tuple->source[3] = ew_read(ctx->local_ip6[3]);
  }
  tuple->source_port = ew_read(ctx->local_port);
  tuple->listener_port = flow->listener_port;
}

SEC("sockops")
int ew_sockops(struct bpf_sock_ops* ctx) {
  __u32 op = ew_read(ctx->op);
  if (op != BPF_SOCK_OPS_TCP_CONNECT_CB && op != BPF_SOCK_OPS_STATE_CB) return 1;
  struct ew_flow_event* flow = redirected(ctx);
  if (!flow) return 1;
  struct ew_tuple tuple = {};
  fill_tuple(ctx, &flow->flow, &tuple);
  if (op == BPF_SOCK_OPS_TCP_CONNECT_CB) {
    __u64 cookie = flow->flow.socket_cookie;
    bpf_map_update_elem(&tuples, &tuple, &cookie, BPF_ANY);
    bpf_sock_ops_cb_flags_set(ctx, BPF_SOCK_OPS_STATE_CB_FLAG);
    return 1;
  }
  // Nobody will accept a connection that failed or was aborted, and its port is free at once: its entry must not name a later
  // one from there. After an orderly end (by way of FIN_WAIT) the port stays taken, and the agent may be slow to ask.
  __u32 before = ew_read(ctx->args[0]);
  if (ew_read(ctx->args[1]) == EW_TCP_CLOSE &&
      (before == EW_TCP_SYN_SENT || before == EW_TCP_ESTABLISHED || before == EW_TCP_CLOSE_WAIT))
    bpf_map_delete_elem(&tuples, &tuple);
  return 1;
}
