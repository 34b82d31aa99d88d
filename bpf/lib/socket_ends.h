/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * Both ends of a socket, IPv4 as mapped IPv6, as its packets show them.
 */
#ifndef EGRESSWARDEN_BPF_LIB_SOCKET_ENDS_H
#define EGRESSWARDEN_BPF_LIB_SOCKET_ENDS_H

#include "bpf/lib/common.h"
#include "bpf/lib/destination.h"

#define EW_AF_INET 2

static __always_inline void read_peer(struct bpf_sock* socket, struct ew_destination* peer) {
  if (ew_read(socket->family) == EW_AF_INET) {
    set_mapped(peer->address, ew_read(socket->dst_ip4));
  } else {
    peer->address[0] = ew_read(socket->dst_ip6[0]);
    peer->address[1] = ew_read(socket->dst_ip6[1]);
    peer->address[2] = ew_read(socket->dst_ip6[2]);
    peer->address[3] = ew_read(socket->dst_ip6[3]);
  }
  peer->port = host_order(ew_read(socket->dst_port));
  peer->reserved = 0;
}

static __always_inline void read_local(struct bpf_sock* socket, struct ew_destination* local) {
  if (ew_read(socket->family) == EW_AF_INET) {
    set_mapped(local->address, ew_read(socket->src_ip4));
  } else {
    local->address[0] = ew_read(socket->src_ip6[0]);
    local->address[1] = ew_read(socket->src_ip6[1]);
    local->address[2] = ew_read(socket->src_ip6[2]);
    local->address[3] = ew_read(socket->src_ip6[3]);
  }
  local->port = ew_read(socket->src_port);
  local->reserved = 0;
}

#endif
