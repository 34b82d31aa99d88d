/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * What the kernel half and the agent say to each other: every event, key, value and enum, compiled by both
 * sides.
 *
 * Addresses are 16 bytes in network order (IPv4 as ::ffff:a.b.c.d); ports are in host order; times are
 * CLOCK_BOOTTIME nanoseconds, but for the heartbeat, which is CLOCK_MONOTONIC so that a suspended machine
 * does not wake up stale. Sizes and offsets are asserted: pinned maps outlive an agent, so a change of layout
 * must change EW_LAYOUT_VERSION.
 */
#ifndef EGRESSWARDEN_BPF_ABI_H
#define EGRESSWARDEN_BPF_ABI_H

#include <linux/types.h>
#include <stddef.h>

#ifdef __cplusplus
#define EW_ASSERT(condition) static_assert(condition, #condition)
#else
#define EW_ASSERT(condition) _Static_assert(condition, #condition)
#endif

/* Bumped when a map's key or value changes: the agent then attaches afresh instead of taking over. */
#define EW_LAYOUT_VERSION 5

#define EW_COMM_BYTES 16
#define EW_CGROUP_LEVELS 4      /* names kept, leaf first */
#define EW_CGROUP_NAME_BYTES 96 /* cri-containerd-<64 hex>.scope and room */
#define EW_CGROUP_DEPTH_MAX 24  /* levels looked at to tell whether a task is guarded */
#define EW_FILENAME_BYTES 256
#define EW_HOST_BYTES 128 /* longer names are not learned */
#define EW_PORTS_MAX 4    /* ports one host name may have */
#define EW_STRICT_PORTS_MAX 16
/* How long an address is kept after it was last heard of, or its TTL if that is longer: applications keep
 * addresses, and redirecting too much does no harm. */
#define EW_KEEP_NS (24ULL * 3600 * 1000000000)

enum ew_config_flag {
  EW_PASS_WHEN_STALE = 1,     /* intercept.on_agent_down: pass */
  EW_REFUSE_UNKNOWN_QUIC = 2, /* intercept.unknown_quic: refuse */
  EW_PASS_UNREADABLE = 4,     /* intercept.unreadable_hello: record */
  EW_REFUSE_SPECIAL = 8,      /* intercept.raw_sockets: refuse */
  EW_STRICT = 16,             /* intercept.mode: strict */
  EW_STRICT_SUSPENDED = 32,   /* ... and the workers have as many connections to pass on as they can hold */
};

/* The single element of map `config`. */
struct ew_config {
  __u32 layout_version;
  __u32 flags;
  __u64 guarded_cgroup;
  __u64 exempt_cgroup;
  __u64 stale_after_ns;
  __u32 agent_tgid;    /* the one process that may bind a listener's port, in its own pid namespace */
  __u32 pid_namespace; /* the agent's, by inode: pids are told as its /proc names them */
};
EW_ASSERT(sizeof(struct ew_config) == 40);

/* Key of `destinations` and `learned`. */
struct ew_destination {
  __u32 address[4];
  __u16 port;
  __u16 reserved; /* zero */
};
EW_ASSERT(sizeof(struct ew_destination) == 20);

/* Value of `destinations` and `learned`. */
struct ew_known {
  __u64 since_boot_ns;
  __u64 until_boot_ns; /* the agent forgets it then; zero: never */
  char host[EW_HOST_BYTES];
};
EW_ASSERT(sizeof(struct ew_known) == 144);

/* Key of `names`: lower case, zero padded; a wildcard is kept as "*.example.com". */
struct ew_name {
  char text[EW_HOST_BYTES];
};
EW_ASSERT(sizeof(struct ew_name) == 128);

/* Value of `names`: the ports at which the host's addresses are LLM destinations; zero ends the list. */
struct ew_ports {
  __u16 port[EW_PORTS_MAX];
};
EW_ASSERT(sizeof(struct ew_ports) == 8);

/* How far the outgoing stream of a TCP socket has been looked at. */
enum ew_stage {
  EW_STAGE_NEW = 0, /* between openings: the next packet may begin one */
  EW_STAGE_READING, /* within an opening, whose state is in `hellos` */
  EW_STAGE_CLEAR,   /* not ours, as long as its address is no LLM's */
  EW_STAGE_EXEMPT,  /* a worker's own, or let through by the configuration */
  EW_STAGE_REFUSED,
  EW_STAGE_REDIRECTED, /* as long as its packets go to the listener */
};

/* Value of `watches`. */
struct ew_watch {
  __u32 stage;
  __u32 generation; /* of `generations`, at which the address was last looked up */
  __u32 sequence;   /* TCP's number of the first byte not yet looked at */
  __u16 started;    /* `sequence` is known */
  __u16 openings;   /* packets that began nothing we know, or a tunnel */
  /* Who connected, or of an older socket who sent on it, by which the agent finds the rest; tgid zero: nobody saw, or it is
   * not in the agent's pid namespace. */
  __u64 owner_start_boottime_ns;
  __s32 owner_tgid;
  __u32 owner_uid, owner_gid;
  struct ew_destination asked; /* of connect(), which others may have rewritten since; port zero: nobody saw */
};
EW_ASSERT(offsetof(struct ew_watch, asked) == 36);
EW_ASSERT(sizeof(struct ew_watch) == 56);

/* Value of `asked`, whose key is a thread's number, cut to the size of the map. */
#define EW_ASKED_SLOTS 4096
struct ew_asked {
  __u64 cookie; /* of the socket; zero: being written */
  struct ew_destination destination;
  __u32 reserved;
};
EW_ASSERT(sizeof(struct ew_asked) == 32);

/* Value of `noted`: what has been reported of a socket other than TCP. Of more addresses than fit, the one noted first is
 * noted again when it is sent to again. */
#define EW_NOTED_ADDRESSES 16
struct ew_noted {
  __u32 guard; /* a datagram to an LLM that no hook had stopped */
  __u32 next;  /* addresses noted so far, of which the last ones are kept */
  __u32 address[EW_NOTED_ADDRESSES][4]; /* of unknown QUIC */
};
EW_ASSERT(sizeof(struct ew_noted) == 264);

/* Keys of `generations`, which grow with each new destination: sockets are then looked at again. */
enum ew_generation {
  EW_GENERATION_TOLD,    /* by the agent */
  EW_GENERATION_LEARNED, /* by the programs */
  EW_GENERATIONS,
};

/* Key of `tuples`: a redirected connection as accept() shows it. */
struct ew_tuple {
  __u32 source[4];
  __u16 source_port;
  __u16 listener_port;
};
EW_ASSERT(sizeof(struct ew_tuple) == 20);

/* Who connected, read in the hook from task_struct. uids are those of the initial user namespace. */
struct ew_process {
  __u64 start_boottime_ns; /* of the group leader */
  __u64 parent_start_boottime_ns; /* of `ppid`, whose number may be another's by the time that this is read */
  __u64 cgroup_id;
  __u64 netns_cookie;
  __u64 exe_inode;
  __u32 exe_device; /* the kernel's own form: major << 20 | minor */
  __s32 tgid;       /* pids are those of the agent's pid namespace; zero: the task is not in it */
  __s32 tid;
  __s32 ppid;
  __u32 uid;
  __u32 gid;
  __u32 euid;
  __u32 loginuid;
  __u32 session;
  __u32 noted; /* of all this only tgid, start, uid, gid and cgroup_id are told */
  char comm[EW_COMM_BYTES]; /* the group leader's: worker threads name themselves */
  char cgroup_names[EW_CGROUP_LEVELS][EW_CGROUP_NAME_BYTES];
};
EW_ASSERT(offsetof(struct ew_process, exe_device) == 40);
EW_ASSERT(offsetof(struct ew_process, comm) == 80);
EW_ASSERT(sizeof(struct ew_process) == 480);

/* Value of `flows`. */
struct ew_flow {
  __u64 socket_cookie;
  __u64 connect_boot_ns;
  struct ew_destination original;
  __u16 listener_port;
  __u16 rewritten_v4; /* the socket's peer is 127.0.0.1 (plain or mapped) rather than ::1 */
  struct ew_process process;
};
EW_ASSERT(offsetof(struct ew_flow, original) == 16);
EW_ASSERT(offsetof(struct ew_flow, process) == 40);
EW_ASSERT(sizeof(struct ew_flow) == 520);

enum ew_event_kind {
  EW_EVENT_CONNECT = 1, /* redirected */
  EW_EVENT_REFUSED,
  EW_EVENT_QUIC_REFUSED,
  EW_EVENT_PASSED, /* let through because the configuration says so: agent stale, or unknown QUIC */
  EW_EVENT_EXEC,
  EW_EVENT_FORK,
  EW_EVENT_EXIT,
  EW_EVENT_DNS_LEARNED,
  EW_EVENT_TRIPPED, /* a packet was dropped, or let through unread */
};

enum ew_reason {
  EW_REASON_NONE = 0,
  EW_REASON_AGENT_STALE,
  EW_REASON_NO_LISTENER,
  EW_REASON_QUIC,
  EW_REASON_UNKNOWN_QUIC,
  EW_REASON_MAP_FULL,
  EW_REASON_NOT_STREAM,
  EW_REASON_TRIPWIRE,   /* an LLM's name in the opening */
  EW_REASON_TUNNEL,     /* the same, inside a tunnel through a proxy */
  EW_REASON_UNREADABLE, /* an opening that is too long or malformed to find the name */
  EW_REASON_RAW_SOCKET, /* these four are of sockets, before anything is sent */
  EW_REASON_SCTP_SOCKET,
  EW_REASON_PACKET_SOCKET,
  EW_REASON_XDP_SOCKET,
  EW_REASON_NOT_HOOKED, /* an LLM's address, though connect() was not redirected */
  EW_REASON_REWRITTEN,  /* redirected, but the packet goes elsewhere */
  EW_REASON_UNRECORDED, /* it might have passed, but could not be recorded */
  EW_REASON_LIFECYCLE,  /* these two only in `losses`: EXEC, FORK and EXIT; CONNECT and DNS_LEARNED */
  EW_REASON_NOTICE,
};

/* Value of `budgets`: how much of the present second a user has used of what may be told of him. */
#define EW_REFUSALS_A_SECOND 100
#define EW_PASSING_A_SECOND 200
struct ew_budget {
  __u64 since_ns; /* CLOCK_MONOTONIC */
  __u32 refusals, passing;
};
EW_ASSERT(sizeof(struct ew_budget) == 16);

/* Key of `losses`: events that were not told. */
#define EW_UID_UNKNOWN 0xffffffffU /* nobody can tell whose, or there was no room for one more user */
struct ew_loss {
  __u32 uid;
  __u32 reason;
};
EW_ASSERT(sizeof(struct ew_loss) == 8);

/* Each record of the rings starts so; the kind says which of the structures below it is. */
struct ew_event {
  __u32 kind;
  __u32 reason;
};

struct ew_flow_event { /* CONNECT, REFUSED, QUIC_REFUSED, PASSED */
  struct ew_event event;
  struct ew_flow flow;
};
EW_ASSERT(sizeof(struct ew_flow_event) == 528);

struct ew_process_event { /* EXEC, FORK, EXIT */
  struct ew_event event;
  struct ew_process process;
  __u64 boot_ns; /* when it happened */
  /* FORK: who called it, which is not the parent when the child was asked for as a sibling (CLONE_PARENT) */
  __u64 creator_start_boottime_ns;
  __s32 creator_tgid;
  __u32 reserved;
  char filename[EW_FILENAME_BYTES]; /* EXEC */
};
EW_ASSERT(sizeof(struct ew_process_event) == 768);

struct ew_dns_event { /* DNS_LEARNED */
  struct ew_event event;
  struct ew_destination destination;
  __u32 reserved;
  char host[EW_HOST_BYTES];
};
EW_ASSERT(sizeof(struct ew_dns_event) == 160);

/* TRIPPED. `flow.process` is as in `watches` for a TCP socket: whole if it also made this packet, else `noted`. */
struct ew_tripped_event {
  struct ew_flow_event record;
  struct ew_destination local; /* with `peer`, the socket as the kernel's tables name it */
  struct ew_destination peer;
  __u32 bound_device;
  __u32 protocol;
  __u32 passed; /* not dropped */
  __u32 reserved;
  char host[EW_HOST_BYTES]; /* TRIPWIRE, TUNNEL */
};
EW_ASSERT(offsetof(struct ew_tripped_event, local) == 528);
EW_ASSERT(sizeof(struct ew_tripped_event) == 712);

/* Slots of per-CPU map `counters`. */
enum ew_counter {
  EW_CONNECTS_SEEN, /* every connect() of the guarded subtree */
  EW_REDIRECTED,
  EW_REFUSED,
  EW_PASSED, /* LLM destinations let through: exempt cgroup, or stale and configured so */
  EW_EVENTS_DROPPED,
  EW_DNS_ANSWERS,
  EW_DNS_LEARNED,
  EW_COUNTERS,
};

struct ew_counters {
  __u64 slot[EW_COUNTERS];
};
EW_ASSERT(sizeof(struct ew_counters) == 56);

#endif
