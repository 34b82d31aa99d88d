// SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0)
// cgroup/sendmsg4 and 6: datagrams of unconnected sockets. UDP to an LLM's address is QUIC; refused, clients
// fall back to TCP, where they can be seen.
#include "bpf/lib/common.h"
#include "bpf/lib/destination.h"
#include "bpf/lib/flow.h"

EW_PROGRAM_LICENSE;

static __always_inline int decide(struct bpf_sock_addr* ctx, const struct ew_destination* destination) {
  if (!is_llm(destination)) return unknown_quic(ctx, destination);
  struct ew_config* settings = configuration();
  if (!settings || is_exempt(settings)) return EW_ALLOW;
  if (observes(settings)) return observe_quic(ctx, destination);
  return refuse(ctx, destination, EW_EVENT_QUIC_REFUSED, EW_REASON_QUIC);
}

SEC("cgroup/sendmsg4")
int ew_sendmsg4(struct bpf_sock_addr* ctx) {
  struct ew_destination destination = {};
  set_mapped(destination.address, ew_read(ctx->user_ip4));
  destination.port = host_order(ew_read(ctx->user_port));
  return decide(ctx, &destination);
}

SEC("cgroup/sendmsg6")
int ew_sendmsg6(struct bpf_sock_addr* ctx) {
  struct ew_destination destination = {};
  destination.address[0] = ew_read(ctx->user_ip6[0]);
  destination.address[1] = ew_read(ctx->user_ip6[1]);
  destination.address[2] = ew_read(ctx->user_ip6[2]);
  destination.address[3] = ew_read(ctx->user_ip6[3]);
  destination.port = host_order(ew_read(ctx->user_port));
  return decide(ctx, &destination);
}
