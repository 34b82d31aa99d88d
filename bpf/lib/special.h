/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* Sockets that only privileged processes can make, and whose packets pass no address hook. */
#ifndef EGRESSWARDEN_BPF_LIB_SPECIAL_H
#define EGRESSWARDEN_BPF_LIB_SPECIAL_H

#include "bpf/lib/common.h"
#include "bpf/lib/process.h"

static __always_inline void report_special(enum ew_event_kind kind, enum ew_reason reason) {
  struct ew_flow_event* record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);
  if (!record) {
    count(EW_EVENTS_DROPPED);
    return;
  }
  __builtin_memset(record, 0, sizeof(*record));
  record->event.kind = kind;
  record->event.reason = reason;
  record->flow.connect_boot_ns = bpf_ktime_get_boot_ns();
  read_process((struct task_struct*)bpf_get_current_task(), &record->flow.process);
  bpf_ringbuf_submit(record, 0);
}

static __always_inline int special_socket(enum ew_reason reason) {
  struct ew_config* settings = configuration();
  if (!settings) return EW_ALLOW;
  if (settings->exempt_cgroup && bpf_get_current_cgroup_id() == settings->exempt_cgroup) return EW_ALLOW;
  int refused = settings->flags & EW_REFUSE_SPECIAL;
  report_special(refused ? EW_EVENT_REFUSED : EW_EVENT_PASSED, reason);
  return refused ? EW_REFUSE : EW_ALLOW;
}

#endif
