/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* Sockets that only privileged processes can make, and whose packets pass no address hook. */
#ifndef EGRESSWARDEN_BPF_LIB_SPECIAL_H
#define EGRESSWARDEN_BPF_LIB_SPECIAL_H

#include "bpf/lib/common.h"
#include "bpf/lib/process.h"
#include "bpf/lib/rings.h"

static __noinline int report_special(enum ew_event_kind kind, enum ew_reason reason) {
  int passes = kind == EW_EVENT_PASSED;
  struct ew_flow_event* record = ew_reserve(struct ew_flow_event, current_uid(), reason, passes);
  if (!record) return 0;
  __builtin_memset(record, 0, sizeof(*record));
  record->event.kind = kind;
  record->event.reason = reason;
  record->flow.connect_boot_ns = bpf_ktime_get_boot_ns();
  read_process((struct task_struct*)bpf_get_current_task(), &record->flow.process);
  bpf_ringbuf_submit(record, 0);
  return 1;
}

static __always_inline int special_socket(enum ew_reason reason) {
  struct ew_config* settings = configuration();
  if (!settings) return EW_ALLOW;
  if (settings->exempt_cgroup && bpf_get_current_cgroup_id() == settings->exempt_cgroup) return EW_ALLOW;
  if (!(settings->flags & EW_REFUSE_SPECIAL)) {
    if (report_special(EW_EVENT_PASSED, reason)) return EW_ALLOW;
    reason = EW_REASON_UNRECORDED;
  }
  report_special(EW_EVENT_REFUSED, reason);
  return EW_REFUSE;
}

#endif
