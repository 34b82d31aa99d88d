// SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0)
// cgroup/sock_create: sockets whose packets pass no address hook. Raw IP and SCTP sockets are refused or noted, as
// the configuration says; the egress guard stops what they send to an LLM either way.
#include "bpf/lib/common.h"
#include "bpf/lib/process.h"
#include "bpf/lib/special.h"

EW_PROGRAM_LICENSE;

#define EW_SOCK_RAW 3
#define EW_IPPROTO_SCTP 132

SEC("cgroup/sock_create")
int ew_create(struct bpf_sock* socket) {
  int raw = ew_read(socket->type) == EW_SOCK_RAW;
  if (!raw && ew_read(socket->protocol) != EW_IPPROTO_SCTP) return EW_ALLOW;
  return special_socket(raw ? EW_REASON_RAW_SOCKET : EW_REASON_SCTP_SOCKET);
}
