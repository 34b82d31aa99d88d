/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * Streams that connect() redirected to the agent's listener, as packets show them.
 */
#ifndef EGRESSWARDEN_BPF_LIB_REDIRECTED_H
#define EGRESSWARDEN_BPF_LIB_REDIRECTED_H

#include "bpf/lib/common.h"
#include "bpf/lib/destination.h"
#include "bpf/lib/packet.h"

/* Whether the packet goes to the loopback address and port that the socket was redirected to: whoever may set up
 * netfilter in a namespace could otherwise send redirected streams wherever they like. */
static __always_inline int goes_to_listener(struct __sk_buff* skb, struct bpf_sock* socket) {
  struct ew_flow_event* owner = bpf_sk_storage_get(&sockets, socket, 0, 0);
  struct transport transport = find_transport(skb);
  struct ew_destination to = {};
  if (!owner || transport.protocol != EW_IPPROTO_TCP || !read_destination(skb, &transport, &to)) return 0;
  if (to.port != owner->flow.listener_port) return 0;
  if (is_mapped(to.address)) return to.address[3] == __builtin_bswap32(0x7f000001);
  return !to.address[0] && !to.address[1] && !to.address[2] && to.address[3] == __builtin_bswap32(1);
}

static __always_inline int is_redirected(struct bpf_sock* socket) {
  struct ew_flow_event* owner = bpf_sk_storage_get(&sockets, socket, 0, 0);
  return owner && owner->flow.listener_port &&
         owner->flow.listener_port == host_order(ew_read(socket->dst_port));
}

#endif
