// SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0)
// cgroup/getpeername4 and 6: the application sees the address it asked for.
#include "bpf/lib/common.h"

EW_PROGRAM_LICENSE;

// The flow of this socket, unless it was connected elsewhere since.
static __always_inline struct ew_flow* flow_behind(struct bpf_sock_addr* ctx, int v4) {
  struct bpf_sock* socket = ctx->sk;
  if (!socket) return 0;
  struct ew_flow_event* record = bpf_sk_storage_get(&sockets, socket, 0, 0);
  if (!record || record->flow.rewritten_v4 != v4) return 0;
  return host_order(ew_read(ctx->user_port)) == record->flow.listener_port ? &record->flow : 0;
}

SEC("cgroup/getpeername4")
int ew_getpeername4(struct bpf_sock_addr* ctx) {
  if (ew_read(ctx->user_ip4) != __builtin_bswap32(0x7f000001)) return 1;
  struct ew_flow* flow = flow_behind(ctx, 1);
  if (!flow) return 1;
  ctx->user_ip4 = flow->original.address[3];
  ctx->user_port = __builtin_bswap16(flow->original.port);
  return 1;
}

SEC("cgroup/getpeername6")
int ew_getpeername6(struct bpf_sock_addr* ctx) {
  __u32 third = ew_read(ctx->user_ip6[2]), last = ew_read(ctx->user_ip6[3]);
  if (ew_read(ctx->user_ip6[0]) || ew_read(ctx->user_ip6[1])) return 1;
  int mapped = third == __builtin_bswap32(0xffff) && last == __builtin_bswap32(0x7f000001);
  if (!mapped && (third || last != __builtin_bswap32(1))) return 1;
  struct ew_flow* flow = flow_behind(ctx, mapped);
  if (!flow) return 1;
  ctx->user_ip6[0] = flow->original.address[0];
  ctx->user_ip6[1] = flow->original.address[1];
  ctx->user_ip6[2] = flow->original.address[2];
  ctx->user_ip6[3] = flow->original.address[3];
  ctx->user_port = __builtin_bswap16(flow->original.port);
  return 1;
}
