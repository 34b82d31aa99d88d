/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* What can carry anything and lets nobody look into it, told by how it begins: SSH's version line (RFC 4253, 4.2) and
 * WireGuard's first message (type 1, 148 bytes). */
#ifndef EGRESSWARDEN_BPF_LIB_OPAQUE_H
#define EGRESSWARDEN_BPF_LIB_OPAQUE_H

#include "bpf/lib/packet.h"

#define EW_UDP_HEADER_BYTES 8
#define EW_WIREGUARD_INITIATION_BYTES 148

static __always_inline int is_ssh(struct __sk_buff* skb, __u32 at) {
  __u32 begins = 0;
  return !bpf_skb_load_bytes(skb, at, &begins, sizeof(begins)) && begins == __builtin_bswap32(0x5353482d); /* "SSH-" */
}

static __always_inline int is_wireguard(struct __sk_buff* skb, const struct transport* transport) {
  __u32 begins = 0, at = transport->at + EW_UDP_HEADER_BYTES;
  if (ew_read(skb->len) != at + EW_WIREGUARD_INITIATION_BYTES) return 0;
  return !bpf_skb_load_bytes(skb, at, &begins, sizeof(begins)) && begins == __builtin_bswap32(0x01000000);
}

#endif
