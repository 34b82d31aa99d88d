/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* Where in a packet the transport's header and payload stand. A packet at these hooks begins with its IP
 * header. */
#ifndef EGRESSWARDEN_BPF_LIB_PACKET_H
#define EGRESSWARDEN_BPF_LIB_PACKET_H

#include "bpf/lib/common.h"

#define EW_ETH_IPV4 0x0800
#define EW_ETH_IPV6 0x86dd
#define EW_IPV6_HEADERS_MAX 8
#define EW_IPPROTO_TCP 6
#define EW_IPPROTO_UDP 17
#define EW_IPPROTO_SCTP 132
#define EW_IPPROTO_UDPLITE 136

struct transport {
  __u32 protocol; /* 0: not found: a later fragment, or too many extension headers */
  __u32 at;
};

/* One extension header (RFC 8200, section 4): how long it is, and what follows it. */
static __always_inline int skip_extension(struct __sk_buff* skb, struct transport* transport) {
  __u8 head[2] = {};
  __u32 kind = transport->protocol;
  if (kind != 0 && kind != 43 && kind != 44 && kind != 51 && kind != 60) return 0;
  if (bpf_skb_load_bytes(skb, transport->at, head, sizeof(head))) return -1;
  transport->protocol = head[0];
  if (kind == 44)
    transport->at += 8;
  else if (kind == 51)
    transport->at += (head[1] + 2) * 4;
  else
    transport->at += (head[1] + 1) * 8;
  return 1;
}

static __always_inline struct transport find_transport(struct __sk_buff* skb) {
  struct transport found = {};
  __u32 family = ew_read(skb->protocol);
  __u8 byte = 0;
  if (family == __builtin_bswap16(EW_ETH_IPV4)) {
    if (bpf_skb_load_bytes(skb, 0, &byte, 1)) return found;
    found.at = (byte & 15) * 4;
    if (bpf_skb_load_bytes(skb, 9, &byte, 1)) return found;
    found.protocol = byte;
    return found;
  }
  if (family != __builtin_bswap16(EW_ETH_IPV6) || bpf_skb_load_bytes(skb, 6, &byte, 1)) return found;
  found.protocol = byte;
  found.at = 40;
#pragma unroll
  for (int i = 0; i < EW_IPV6_HEADERS_MAX; i++) {
    int skipped = skip_extension(skb, &found);
    if (skipped == 0) return found;
    if (skipped < 0) break;
  }
  found.protocol = 0;
  return found;
}

/* The packet's destination address and, at `transport`, port. 0 when they cannot be read. */
static __always_inline int read_destination(struct __sk_buff* skb, const struct transport* transport,
                                            struct ew_destination* out) {
  __u16 port = 0;
  if (bpf_skb_load_bytes(skb, transport->at + 2, &port, sizeof(port))) return 0;
  out->port = host_order(port);
  if (ew_read(skb->protocol) == __builtin_bswap16(EW_ETH_IPV6))
    return bpf_skb_load_bytes(skb, 24, out->address, 16) == 0;
  __u32 v4 = 0;
  if (bpf_skb_load_bytes(skb, 16, &v4, sizeof(v4))) return 0;
  set_mapped(out->address, v4);
  return 1;
}

struct segment {
  __u32 sequence; /* of the first byte of payload */
  __u32 at;
  __u32 length;
  __u32 reset; /* RST */
};

/* 0 when it is no readable TCP segment. */
static __always_inline int read_segment(struct __sk_buff* skb, struct segment* out) {
  struct transport transport = find_transport(skb);
  __u8 offset = 0, flags = 0;
  __u32 sequence = 0;
  if (transport.protocol != EW_IPPROTO_TCP) return 0;
  if (bpf_skb_load_bytes(skb, transport.at + 4, &sequence, 4) ||
      bpf_skb_load_bytes(skb, transport.at + 12, &offset, 1) ||
      bpf_skb_load_bytes(skb, transport.at + 13, &flags, 1))
    return 0;
  out->reset = flags & 4;
  out->sequence = __builtin_bswap32(sequence) + ((flags & 2) != 0); /* SYN counts as a byte */
  out->at = transport.at + (offset >> 4) * 4;
  __u32 whole = ew_read(skb->len);
  out->length = whole > out->at ? whole - out->at : 0;
  return 1;
}

#endif
