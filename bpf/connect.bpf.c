// SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0)
// cgroup/connect4 and connect6: every connect() of the guarded subtree. A destination that is not an LLM's
// costs three lookups. An LLM's is redirected to the namespace's listener, or refused; never let through by an
// accident. In strict mode a TCP connection to anybody else is redirected too where that is possible.
#include "bpf/lib/common.h"
#include "bpf/lib/destination.h"
#include "bpf/lib/flow.h"
#include "bpf/lib/owner.h"
#include "bpf/lib/strict.h"

EW_PROGRAM_LICENSE;

#define EW_SOL_SOCKET 1
#define EW_SO_BINDTODEVICE 25
#define EW_SOCK_STREAM 1
#define EW_IPPROTO_TCP 6
#define EW_IPPROTO_UDP 17

enum { EW_REDIRECT = 2 };  // beside EW_REFUSE and EW_ALLOW

// A socket bound to an uplink cannot reach loopback: the SYN would time out.
static __always_inline void clear_device(struct bpf_sock_addr* ctx, struct bpf_sock* socket) {
  char none[16] = {};
  if (socket->bound_dev_if) bpf_setsockopt(ctx, EW_SOL_SOCKET, EW_SO_BINDTODEVICE, none, sizeof(none));
}

// 0: there was no memory to remember it in. A subprogram of its own, being called twice. The event tells of LLM connections
// alone: in strict mode there may be thousands of others in a second.
static __noinline int redirect(struct bpf_sock_addr* ctx, const struct ew_destination* destination, __u32 port, int to_v4,
                               int llm) {
  struct bpf_sock* socket = ctx->sk;
  if (!socket) return 0;
  struct ew_flow_event* flow = bpf_sk_storage_get(&sockets, socket, 0, BPF_SK_STORAGE_GET_F_CREATE);
  if (!flow) return 0;
  fill_flow(ctx, destination, bpf_get_netns_cookie(ctx), flow);
  flow->event.kind = EW_EVENT_CONNECT;
  flow->event.reason = EW_REASON_NONE;
  flow->flow.listener_port = port;
  flow->flow.rewritten_v4 = to_v4;
  __u64 cookie = flow->flow.socket_cookie;
  if (bpf_map_update_elem(&flows, &cookie, &flow->flow, BPF_ANY)) {
    bpf_sk_storage_delete(&sockets, socket);
    return 0;
  }
  clear_device(ctx, socket);
  if (llm && bpf_ringbuf_output(&notices, flow, sizeof(*flow), 0))
    count_loss(flow->flow.process.uid, EW_REASON_NOTICE);
  count(EW_REDIRECTED);
  return 1;
}

// The socket may have led elsewhere before, also to our listener: its stream begins anew.
static __always_inline void forget_stream(struct bpf_sock_addr* ctx) {
  struct bpf_sock* socket = ctx->sk;
  if (!socket) return;
  // Asked first: to look is cheaper than to find nothing to delete.
  if (bpf_sk_storage_get(&watches, socket, 0, 0)) bpf_sk_storage_delete(&watches, socket);
  if (bpf_sk_storage_get(&sockets, socket, 0, 0)) bpf_sk_storage_delete(&sockets, socket);
}

// Let through and reported here: the tripwire need not do so again.
static __always_inline void exempt_stream(struct bpf_sock_addr* ctx) {
  struct bpf_sock* socket = ctx->sk;
  if (!socket) return;
  struct ew_watch* watch = bpf_sk_storage_get(&watches, socket, 0, BPF_SK_STORAGE_GET_F_CREATE);
  if (watch) watch->stage = EW_STAGE_EXEMPT;
}

// A destination that is nobody's we know.
static __always_inline int decide_other(struct bpf_sock_addr* ctx, const struct ew_destination* destination, int to_v4,
                                        __u32* port) {
  struct ew_config* settings = configuration();
  if (settings && settings->flags & EW_STRICT) {
    if (is_worker(settings)) {
      exempt_stream(ctx);
      return EW_ALLOW;
    }
    *port = strict_listener(ctx, destination, settings, to_v4);
    if (*port && redirect(ctx, destination, *port, to_v4, 0)) return EW_REDIRECT;
  }
  note_asked(ctx, destination);
  return EW_ALLOW;
}

// Decides for one connect(); on EW_REDIRECT `*port` is where to.
static __always_inline int decide(struct bpf_sock_addr* ctx, const struct ew_destination* destination,
                                  int to_v4, __u32* port) {
  count(EW_CONNECTS_SEEN);
  int datagram = ew_read(ctx->protocol) == EW_IPPROTO_UDP;
  int stream = ew_read(ctx->protocol) == EW_IPPROTO_TCP;
  if (stream) forget_stream(ctx);
  if (!is_llm(destination)) {
    if (stream) return decide_other(ctx, destination, to_v4, port);
    return datagram ? unknown_quic(ctx, destination) : EW_ALLOW;
  }
  struct ew_config* settings = configuration();
  if (!settings) return EW_ALLOW;
  if (is_exempt(settings)) {
    // The supervisor may have made the socket, in its own cgroup, for a worker that cannot enter the namespace.
    if (stream) exempt_stream(ctx);
    return EW_ALLOW;
  }
  if (datagram) return refuse(ctx, destination, EW_EVENT_QUIC_REFUSED, EW_REASON_QUIC);
  if (is_stale(settings)) {
    int decision = when_stale(ctx, destination, settings);
    if (decision == EW_ALLOW && stream) exempt_stream(ctx);
    return decision;
  }
  if (ew_read(ctx->type) != EW_SOCK_STREAM)
    return refuse(ctx, destination, EW_EVENT_REFUSED, EW_REASON_NOT_STREAM);
  __u64 netns = bpf_get_netns_cookie(ctx);
  __u32* listener = bpf_map_lookup_elem(&listeners, &netns);
  if (!listener) return refuse(ctx, destination, EW_EVENT_REFUSED, EW_REASON_NO_LISTENER);
  *port = *listener;
  if (!redirect(ctx, destination, *port, to_v4, 1)) return refuse(ctx, destination, EW_EVENT_REFUSED, EW_REASON_MAP_FULL);
  return EW_REDIRECT;
}

SEC("cgroup/connect4")
int ew_connect4(struct bpf_sock_addr* ctx) {
  struct ew_destination destination = {};
  __u32 port = 0;
  set_mapped(destination.address, ew_read(ctx->user_ip4));
  destination.port = host_order(ew_read(ctx->user_port));
  int decision = decide(ctx, &destination, 1, &port);
  if (decision != EW_REDIRECT) return decision;
  ctx->user_ip4 = __builtin_bswap32(0x7f000001);
  ctx->user_port = __builtin_bswap16(port);
  return EW_ALLOW;
}

SEC("cgroup/connect6")
int ew_connect6(struct bpf_sock_addr* ctx) {
  struct ew_destination destination = {};
  __u32 port = 0;
  destination.address[0] = ew_read(ctx->user_ip6[0]);
  destination.address[1] = ew_read(ctx->user_ip6[1]);
  destination.address[2] = ew_read(ctx->user_ip6[2]);
  destination.address[3] = ew_read(ctx->user_ip6[3]);
  destination.port = host_order(ew_read(ctx->user_port));
  int mapped = is_mapped(destination.address);
  int decision = decide(ctx, &destination, mapped, &port);
  if (decision != EW_REDIRECT) return decision;
  ctx->user_ip6[0] = 0;
  ctx->user_ip6[1] = 0;
  ctx->user_ip6[2] = mapped ? __builtin_bswap32(0xffff) : 0;
  ctx->user_ip6[3] = __builtin_bswap32(mapped ? 0x7f000001 : 1);
  ctx->user_port = __builtin_bswap16(port);
  return EW_ALLOW;
}
