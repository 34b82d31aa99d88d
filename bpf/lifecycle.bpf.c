// SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0)
// tp_btf sched_process_fork, exec and exit: births, changes and deaths of processes in the guarded subtree.
// The tracepoints are system-wide; tasks of other cgroups leave at the first test.
#include "bpf/lib/common.h"
#include "bpf/lib/process.h"
#include "bpf/lib/rings.h"

#include <bpf/bpf_tracing.h>

EW_PROGRAM_LICENSE;

static __always_inline int is_guarded(struct task_struct* task) {
  struct ew_config* settings = configuration();
  return settings && in_cgroup(task, settings->guarded_cgroup);
}

static __always_inline void report(struct task_struct* task, enum ew_event_kind kind, const char* filename,
                                   struct task_struct* creator) {
  struct ew_process_event* record = bpf_ringbuf_reserve(&lifecycle, sizeof(*record), 0);
  if (!record) {
    count_loss(current_uid(), EW_REASON_LIFECYCLE);
    return;
  }
  record->event.kind = kind;
  record->event.reason = EW_REASON_NONE;
  record->boot_ns = bpf_ktime_get_boot_ns();
  record->creator_start_boottime_ns = 0;
  record->creator_tgid = 0;
  record->reserved = 0;
  record->filename[0] = 0;
  if (creator) {
    struct task_struct* leader = BPF_CORE_READ(creator, group_leader);
    record->creator_tgid = pid_seen_by_agent(leader);
    record->creator_start_boottime_ns = BPF_CORE_READ(leader, start_boottime);
  }
  read_process(task, &record->process);
  if (filename) bpf_probe_read_kernel_str(record->filename, sizeof(record->filename), filename);
  bpf_ringbuf_submit(record, 0);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(ew_fork, struct task_struct* parent, struct task_struct* child) {
  // A thread is no process of its own.
  if (BPF_CORE_READ(child, pid) == BPF_CORE_READ(child, tgid) && is_guarded(child))
    report(child, EW_EVENT_FORK, 0, parent);
  return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(ew_exec, struct task_struct* task, int old_pid, struct linux_binprm* program) {
  if (is_guarded(task)) report(task, EW_EVENT_EXEC, BPF_CORE_READ(program, filename), 0);
  return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(ew_exit, struct task_struct* task) {
  // The process ends with its last thread, whichever that is.
  if (BPF_CORE_READ(task, signal, live.counter) == 0 && is_guarded(task)) report(task, EW_EVENT_EXIT, 0, 0);
  return 0;
}
