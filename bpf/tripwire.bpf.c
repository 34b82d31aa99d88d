// SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0)
// cgroup_skb/egress: packets of the guarded subtree, looked at for what connect() did not show. An LLM's name
// in the opening of a TCP stream that was not redirected, on whatever port: the packet is dropped, the address
// is learned, and the agent ends the socket, so that the client's next attempt is redirected. And an LLM's
// address on a packet of a socket that no hook stopped, being older than the agent or than what it knows, or
// raw: dropped, and reported once a socket.
//
// A TCP socket transmits under its lock, so its storage has one writer at a time; no per-CPU memory is used,
// since this program may be preempted and interrupted by itself. After the opening a packet costs three lookups.
#include "bpf/lib/common.h"
#include "bpf/lib/destination.h"
#include "bpf/lib/opaque.h"
#include "bpf/lib/opening.h"
#include "bpf/lib/owner.h"
#include "bpf/lib/packet.h"
#include "bpf/lib/process.h"
#include "bpf/lib/redirected.h"
#include "bpf/lib/socket_ends.h"

EW_PROGRAM_LICENSE;

#define EW_SOCK_STREAM 1
#define EW_FEED_STEPS 128  // bytes taken by one call of ew_tripwire_feed
#define EW_FEEDS_MAX 128   // calls for one packet
#define EW_OPENINGS_MAX 8  // packets in which a hello may begin: a proxy's greetings come before it

/* The tripwire writes and reads while it is within an opening, and deletes it then. No memory: as `watches`. */
struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct opening);
} openings SEC(".maps");

static __always_inline struct bpf_sock* full_socket(struct __sk_buff* skb) {
  struct bpf_sock* socket = skb->sk;
  return socket ? bpf_sk_fullsock(socket) : 0;
}

// Reads on in the packet; 0 when there is nothing more to read.
__noinline int ew_tripwire_feed(struct __sk_buff* skb) {
  struct bpf_sock* socket = full_socket(skb);
  if (!socket) return 0;
  volatile struct opening* o = bpf_sk_storage_get(&openings, socket, 0, 0);
  if (!o) return 0;
  for (__u64 i = 0; i < EW_FEED_STEPS; i++) {
    __u8 byte = 0;
    skip_ahead(o);
    __u64 at = o->at;
    if (o->verdict || at >= o->end) return 0;
    if (bpf_skb_load_bytes(skb, at, &byte, 1)) {
      o->verdict = VERDICT_UNREADABLE;
      return 0;
    }
    o->at = at + 1;
    take_byte(o, byte);
  }
  return 1;
}

// Whether the name is an LLM's, itself or as one label below a wildcard.
enum { WANTED = 1, WANTED_AT_ITS_PORT };

__noinline int ew_tripwire_wanted(struct __sk_buff* skb) {
  struct bpf_sock* socket = full_socket(skb);
  if (!socket) return 0;
  struct opening* o = bpf_sk_storage_get(&openings, socket, 0, 0);
  if (!o) return 0;
  struct ew_ports* ports = bpf_map_lookup_elem(&names, o->name);
  if (!ports && o->first_dot) {
    o->wildcard.text[0] = '*';
    bpf_probe_read_kernel(o->wildcard.text + 1, EW_HOST_BYTES - 1, o->name + (o->first_dot & 63));
    ports = bpf_map_lookup_elem(&names, &o->wildcard);
  }
  if (!ports) return 0;
  __u32 port = host_order(ew_read(socket->dst_port));
  for (__u64 i = 0; i < EW_PORTS_MAX; i++)
    if (port && ports->port[i] == port) return WANTED_AT_ITS_PORT;
  return WANTED;
}

// What connect() was asked for, which a load balancer may have rewritten since; else where the socket leads.
static __always_inline void read_asked(struct bpf_sock* socket, struct ew_destination* destination) {
  struct ew_watch* watch = bpf_sk_storage_get(&watches, socket, 0, 0);
  if (watch && watch->asked.port)
    *destination = watch->asked;
  else
    read_peer(socket, destination);
}

// A datagram leaves in its sender's context; a TCP segment does so only sometimes, which nobody can tell.
static __always_inline void read_sender(struct ew_process* process) {
  struct task_struct* task = (struct task_struct*)bpf_get_current_task();
  struct ew_config* settings = configuration();
  if (settings && in_cgroup(task, settings->guarded_cgroup)) read_process(task, process);
}

// Who connected, whole if the very process is at work now.
static __always_inline void read_owner(struct bpf_sock* socket, struct ew_process* process) {
  struct ew_watch* watch = bpf_sk_storage_get(&watches, socket, 0, 0);
  if (!watch || !watch->owner_tgid) return;
  struct task_struct* task = (struct task_struct*)bpf_get_current_task();
  struct task_struct* leader = BPF_CORE_READ(task, group_leader);
  if (BPF_CORE_READ(leader, start_boottime) == watch->owner_start_boottime_ns &&
      pid_seen_by_agent(leader) == watch->owner_tgid) {
    read_process(task, process);
    return;
  }
  process->noted = 1;
  process->tgid = watch->owner_tgid;
  process->start_boottime_ns = watch->owner_start_boottime_ns;
  process->uid = watch->owner_uid;
  process->gid = watch->owner_gid;
  process->cgroup_id = bpf_sk_cgroup_id(socket);
}

static __always_inline void fill_flow(struct __sk_buff* skb, struct bpf_sock* socket, struct ew_flow* flow) {
  __builtin_memset(flow, 0, sizeof(*flow));
  flow->socket_cookie = bpf_get_socket_cookie(skb);
  flow->connect_boot_ns = bpf_ktime_get_boot_ns();
  if (ew_read(socket->protocol) == EW_IPPROTO_TCP && ew_read(socket->type) == EW_SOCK_STREAM) {
    struct ew_flow_event* redirected = bpf_sk_storage_get(&sockets, socket, 0, 0);
    if (redirected) {
      __builtin_memcpy(flow, &redirected->flow, sizeof(*flow));
      return;
    }
    read_asked(socket, &flow->original);
    read_owner(socket, &flow->process);
    return;
  }
  struct transport transport = find_transport(skb);
  read_destination(skb, &transport, &flow->original);
  read_sender(&flow->process);
}

// Tells the agent. A function of its own, verified once.
__noinline int ew_tripwire_report(struct __sk_buff* skb, __u32 reason, __u32 passed) {
  struct bpf_sock* socket = full_socket(skb);
  if (!socket) return 0;
  struct ew_tripped_event* record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);
  if (!record) {
    count(EW_EVENTS_DROPPED);
    return 0;
  }
  record->record.event.kind = EW_EVENT_TRIPPED;
  record->record.event.reason = reason;
  fill_flow(skb, socket, &record->record.flow);
  read_local(socket, &record->local);
  read_peer(socket, &record->peer);
  record->bound_device = ew_read(socket->bound_dev_if);
  record->protocol = ew_read(socket->protocol);
  record->passed = passed;
  record->reserved = 0;
  __builtin_memset(record->host, 0, EW_HOST_BYTES);
  struct opening* o = bpf_sk_storage_get(&openings, socket, 0, 0);
  if (o) __builtin_memcpy(record->host, o->name, EW_HOST_BYTES);
  bpf_ringbuf_submit(record, 0);
  return 1;
}

static __always_inline int refuse(struct __sk_buff* skb, struct ew_watch* watch, __u32 reason,
                                  const struct ew_config* settings) {
  if (observes(settings)) {
    watch->stage = EW_STAGE_EXEMPT;
    count(EW_PASSED);
    ew_tripwire_report(skb, reason, 1);
    return EW_ALLOW;
  }
  watch->stage = EW_STAGE_REFUSED;
  count(EW_REFUSED);
  ew_tripwire_report(skb, reason, 0);
  return EW_REFUSE;
}

// Later connections to this address are redirected. `host` is in map memory.
__noinline int ew_tripwire_learn(struct __sk_buff* skb) {
  struct bpf_sock* socket = full_socket(skb);
  if (!socket) return 0;
  struct opening* o = bpf_sk_storage_get(&openings, socket, 0, 0);
  if (!o) return 0;
  struct ew_destination asked = {};
  struct ew_known known = {};
  read_asked(socket, &asked);
  known.since_boot_ns = bpf_ktime_get_boot_ns();
  known.until_boot_ns = known.since_boot_ns + EW_KEEP_NS;
  __builtin_memcpy(known.host, o->name, EW_HOST_BYTES);
  if (bpf_map_update_elem(&learned, &asked, &known, BPF_ANY)) return 0;
  new_destination();
  return 1;
}

// A whole client hello without a server's name: it may lead to an LLM whose address nobody told.
static __always_inline int names_nobody(const struct opening* o) {
  return o->verdict == VERDICT_NOTHING && o->form == FORM_TLS && o->field > HELLO_LENGTH && !o->out;
}

// The opening is over; so is its memory.
static __always_inline int close_opening(struct __sk_buff* skb, struct bpf_sock* socket, struct ew_watch* watch,
                                         struct opening* o, const struct ew_config* settings) {
  int tunnel = o->tunnel || watch->openings, verdict = EW_ALLOW;
  watch->stage = EW_STAGE_NEW;
  int wanted = o->verdict == VERDICT_NAME ? ew_tripwire_wanted(skb) : 0;
  if (wanted) {
    // In a tunnel the address is the proxy's, and not to be learned. Nor is one at a port where the name has no endpoint: what
    // serves others there, a database or a mail server, would be taken for an LLM's because one client said so.
    if (!tunnel && wanted == WANTED_AT_ITS_PORT) ew_tripwire_learn(skb);
    verdict = refuse(skb, watch, tunnel ? EW_REASON_TUNNEL : EW_REASON_TRIPWIRE, settings);
  } else if (o->verdict == VERDICT_UNREADABLE) {
    if (settings->flags & EW_PASS_UNREADABLE) {
      ew_tripwire_report(skb, EW_REASON_UNREADABLE, 1);
      watch->stage = EW_STAGE_CLEAR;
    } else {
      verdict = refuse(skb, watch, EW_REASON_UNREADABLE, settings);
    }
  } else if (o->verdict == VERDICT_NAME && !o->tunnel) {
    watch->stage = EW_STAGE_CLEAR;
  } else if (names_nobody(o)) {
    watch->openings++;
    ew_tripwire_report(skb, EW_REASON_NAMELESS, 1);
  } else if (++watch->openings >= EW_OPENINGS_MAX) {
    watch->stage = EW_STAGE_CLEAR;
  }
  bpf_sk_storage_delete(&openings, socket);
  return verdict;
}

// What a packet's first byte announces.
static __always_inline int announced(struct __sk_buff* skb, __u32 at) {
  __u8 byte = 0;
  if (bpf_skb_load_bytes(skb, at, &byte, 1)) return 0;
  if (byte == EW_TLS_HANDSHAKE) return FORM_TLS;
  return byte >= 'A' && byte <= 'Z' ? FORM_HTTP : 0;
}

static __always_inline int read_opening(struct __sk_buff* skb, struct bpf_sock* socket, struct ew_watch* watch,
                                        const struct segment* segment, const struct ew_config* settings) {
  int begins = watch->stage != EW_STAGE_READING, form = begins ? announced(skb, segment->at) : 0;
  if (begins && is_ssh(skb, segment->at)) {
    watch->stage = EW_STAGE_CLEAR;
    ew_tripwire_report(skb, EW_REASON_SSH, 1);
    return EW_ALLOW;
  }
  if (begins && !form) {
    if (++watch->openings >= EW_OPENINGS_MAX) watch->stage = EW_STAGE_CLEAR;
    return EW_ALLOW;
  }
  if (begins) bpf_sk_storage_delete(&openings, socket);  // one that a disconnected stream left
  struct opening* o = bpf_sk_storage_get(&openings, socket, 0, BPF_SK_STORAGE_GET_F_CREATE);
  if (!o) return refuse(skb, watch, EW_REASON_MAP_FULL, settings);
  if (begins) o->form = form;
  o->at = segment->at;
  o->end = segment->at + segment->length;
  o->total += segment->length;
  watch->stage = EW_STAGE_READING;
  for (__u64 i = 0; i < EW_FEEDS_MAX; i++)
    if (!ew_tripwire_feed(skb)) break;
  if (!o->verdict && (o->at < o->end || o->total > EW_OPENING_BYTES_MAX)) o->verdict = VERDICT_UNREADABLE;
  return o->verdict ? close_opening(skb, socket, watch, o, settings) : EW_ALLOW;
}

// Bytes sent before are not read twice; a gap within an opening cannot be read over.
static __always_inline int in_sequence(struct ew_watch* watch, struct segment* segment) {
  if (!watch->started) watch->sequence = segment->sequence;
  watch->started = 1;
  __s32 ahead = (__s32)(segment->sequence - watch->sequence);
  if (ahead > 0) return watch->stage != EW_STAGE_READING;
  __u32 seen = -ahead;
  if (seen > segment->length) seen = segment->length;
  segment->at += seen;
  segment->length -= seen;
  segment->sequence += seen;
  return 1;
}

static __always_inline int stream_packet(struct __sk_buff* skb, struct bpf_sock* socket, struct ew_watch* watch,
                                         const struct ew_config* settings) {
  struct segment segment = {};
  if (!read_segment(skb, &segment)) return watch->stage == EW_STAGE_REFUSED ? EW_REFUSE : EW_ALLOW;
  // The reset that ends a refused connection tells the peer so.
  if (watch->stage == EW_STAGE_REFUSED) return segment.reset ? EW_ALLOW : EW_REFUSE;
  if (!segment.length) return EW_ALLOW;
  int readable = in_sequence(watch, &segment);
  if (!segment.length) return EW_ALLOW;
  if (!readable) return refuse(skb, watch, EW_REASON_UNREADABLE, settings);
  watch->sequence = segment.sequence + segment.length;
  return read_opening(skb, socket, watch, &segment, settings);
}

// Nothing more to see as long as no destination is learned.
static __always_inline int is_settled(const struct ew_watch* watch) {
  if (watch->stage == EW_STAGE_EXEMPT) return 1;
  return watch->stage == EW_STAGE_CLEAR && watch->generation == (__u32)generation();
}

// A socket that leads to an LLM although it was not redirected. While the agent is away it is let through if
// the configuration says so, as connect() is.
static __always_inline int check_address(struct __sk_buff* skb, struct bpf_sock* socket, struct ew_watch* watch,
                                         const struct ew_config* settings) {
  __u32 now = (__u32)generation();
  if (watch->stage == EW_STAGE_REFUSED || watch->generation == now) return EW_ALLOW;
  struct ew_destination asked = {}, peer = {};
  watch->generation = now;
  read_asked(socket, &asked);
  read_peer(socket, &peer);
  /* Not for what was learned meanwhile: its opening has been read and named no LLM, and whoever taught the address may have
   * lied about it. */
  if (!is_told(&asked) && !is_told(&peer)) return EW_ALLOW;
  if (observes(settings) || !(settings->flags & EW_PASS_WHEN_STALE) || !is_stale(settings))
    return refuse(skb, watch, EW_REASON_NOT_HOOKED, settings);
  watch->stage = EW_STAGE_EXEMPT;
  count(EW_PASSED);
  ew_tripwire_report(skb, EW_REASON_AGENT_STALE, 1);
  return EW_ALLOW;
}

static __always_inline int redirected_packet(struct __sk_buff* skb, struct bpf_sock* socket, struct ew_watch* watch) {
  if (goes_to_listener(skb, socket)) return EW_ALLOW;
  struct ew_config* settings = configuration();
  return settings ? refuse(skb, watch, EW_REASON_REWRITTEN, settings) : EW_REFUSE;
}

static __always_inline int is_workers(struct bpf_sock* socket, const struct ew_config* settings) {
  return settings->exempt_cgroup && bpf_sk_cgroup_id(socket) == settings->exempt_cgroup;
}

// Once a socket, however often it begins anew.
static __always_inline void note_wireguard(struct __sk_buff* skb, struct bpf_sock* socket) {
  struct ew_noted* reported = bpf_sk_storage_get(&noted, socket, 0, BPF_SK_STORAGE_GET_F_CREATE);
  if (!reported || reported->kinds & EW_NOTED_WIREGUARD) return;
  reported->kinds |= EW_NOTED_WIREGUARD;
  ew_tripwire_report(skb, EW_REASON_WIREGUARD, 1);
}

// UDP, SCTP and whatever a raw socket sends: where it goes is in the packet.
static __always_inline int datagram_packet(struct __sk_buff* skb, struct bpf_sock* socket) {
  struct ew_destination destination = {};
  struct transport transport = find_transport(skb);
  __u32 kind = transport.protocol;
  if (kind != EW_IPPROTO_UDP && kind != EW_IPPROTO_TCP && kind != EW_IPPROTO_SCTP && kind != EW_IPPROTO_UDPLITE)
    return EW_ALLOW;
  if (!read_destination(skb, &transport, &destination)) return EW_ALLOW;
  if (!is_llm(&destination)) {
    if (kind == EW_IPPROTO_UDP && is_wireguard(skb, &transport)) note_wireguard(skb, socket);
    return EW_ALLOW;
  }
  struct ew_config* settings = configuration();
  if (!settings || is_workers(socket, settings)) return EW_ALLOW;
  int passed = observes(settings), verdict = passed ? EW_ALLOW : EW_REFUSE;
  if (!passed) count(EW_REFUSED);
  struct ew_noted* reported = bpf_sk_storage_get(&noted, socket, 0, BPF_SK_STORAGE_GET_F_CREATE);
  if (reported && reported->kinds & EW_NOTED_GUARD) return verdict;
  if (reported) reported->kinds |= EW_NOTED_GUARD;
  if (passed) count(EW_PASSED);
  ew_tripwire_report(skb, kind == EW_IPPROTO_UDP ? EW_REASON_QUIC : EW_REASON_NOT_HOOKED, passed);
  return verdict;
}

SEC("cgroup_skb/egress")
int ew_tripwire(struct __sk_buff* skb) {
  struct bpf_sock* socket = full_socket(skb);
  if (!socket) return EW_ALLOW;
  if (ew_read(socket->protocol) != EW_IPPROTO_TCP || ew_read(socket->type) != EW_SOCK_STREAM)
    return datagram_packet(skb, socket);
  struct ew_watch* watch = bpf_sk_storage_get(&watches, socket, 0, 0);
  if (watch && is_settled(watch)) return EW_ALLOW;
  if (watch && watch->stage == EW_STAGE_REDIRECTED) return redirected_packet(skb, socket, watch);
  struct ew_config* settings = configuration();
  if (!settings) return EW_ALLOW;
  if (!watch) {
    watch = bpf_sk_storage_get(&watches, socket, 0, BPF_SK_STORAGE_GET_F_CREATE);
    if (!watch) return observes(settings) ? EW_ALLOW : EW_REFUSE;
    if (is_workers(socket, settings)) {
      watch->stage = EW_STAGE_EXEMPT;
      return EW_ALLOW;
    }
    if (is_redirected(socket)) {
      watch->stage = EW_STAGE_REDIRECTED;
      return redirected_packet(skb, socket, watch);
    }
    note_owner(skb, socket, watch);
  }
  int decision = check_address(skb, socket, watch, settings);
  if (decision == EW_REFUSE || watch->stage == EW_STAGE_EXEMPT) return decision;
  return watch->stage == EW_STAGE_CLEAR ? EW_ALLOW : stream_packet(skb, socket, watch, settings);
}
