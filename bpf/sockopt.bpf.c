// SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0)
// cgroup/setsockopt: packet and XDP sockets hand frames to the driver past every other cgroup hook, also past the
// one for new sockets. What only they can be asked for is where they can be seen: an XDP socket cannot do without,
// a packet socket that skips queueing must ask for it. Plain packet sockets the agent finds by itself.
#include "bpf/lib/common.h"
#include "bpf/lib/process.h"
#include "bpf/lib/special.h"

EW_PROGRAM_LICENSE;

#define EW_SOL_PACKET 263
#define EW_SOL_XDP 283
#define EW_PACKET_QDISC_BYPASS 20
#define EW_XDP_UMEM_REG 4
#define EW_OPTION_BYTES_MAX 4096  // longer values the kernel shows in part, and must be told to take as they are

SEC("cgroup/setsockopt")
int ew_setsockopt(struct bpf_sockopt* ctx) {
  __s32 level = ew_read(ctx->level), option = ew_read(ctx->optname);
  if (ew_read(ctx->optlen) > EW_OPTION_BYTES_MAX) ctx->optlen = 0;
  if (level == EW_SOL_PACKET && option == EW_PACKET_QDISC_BYPASS) return special_socket(EW_REASON_PACKET_SOCKET);
  if (level == EW_SOL_XDP && option == EW_XDP_UMEM_REG) return special_socket(EW_REASON_XDP_SOCKET);
  return EW_ALLOW;
}
