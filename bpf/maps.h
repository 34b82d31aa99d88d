/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * Every map. Each comment says who writes, who reads, and what happens when it is full. All are pinned and
 * outlive the agent. The definitions are weak so that each program file may include them; the linker keeps
 * one.
 */
#ifndef EGRESSWARDEN_BPF_MAPS_H
#define EGRESSWARDEN_BPF_MAPS_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/abi.h"

/* Agent writes at start; programs read. One element. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct ew_config);
} config __weak SEC(".maps");

/* Agent writes the monotonic time several times a second; the connect hooks read. Zero: never written, thus
 * stale. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} heartbeat __weak SEC(".maps");

/* Agent writes: namespace cookie to listener port. Connect and bind hooks read. Full: set_listener fails,
 * connections of that namespace are refused. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 8192);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, __u64);
  __type(value, __u32);
} listeners __weak SEC(".maps");

/* Agent writes and reads: listener port to namespace cookie, since find_flow() goes by the port. Full: as `listeners`. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 8192);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, __u32);
  __type(value, __u64);
} ports __weak SEC(".maps");

/* Agent writes: the catalogue's and the operator's addresses; it forgets the former when they are no longer heard
 * of. Address hooks and the tripwire read. Never evicted, whatever names anybody resolves. Full: add_destination
 * fails, and the tripwire finds such connections by name. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 65536);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct ew_destination);
  __type(value, struct ew_known);
} destinations __weak SEC(".maps");

/* DNS hook and tripwire write; address hooks and the tripwire read; agent forgets what is old. Full: the least
 * recently used address is forgotten, and the tripwire finds it again by name. Who asks a resolver of his own can
 * put any address here: it is then redirected needlessly, and spliced by its name. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 16384);
  __type(key, struct ew_destination);
  __type(value, struct ew_known);
} learned __weak SEC(".maps");

/* Agent writes: names whose addresses are LLM destinations. DNS hook reads. Full: set_names fails. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 8192);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct ew_name);
  __type(value, struct ew_ports);
} names __weak SEC(".maps");

/* Agent writes at start: the ports at which strict mode looks at every TCP connection. Connect hooks read, in that mode. It
 * holds as many as a configuration may name. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, EW_STRICT_PORTS_MAX);
  __type(key, __u32);
  __type(value, __u32);
} strict_ports __weak SEC(".maps");

/* Connect hooks write, by socket cookie; agent reads. Never deleted when the socket closes, or a process that
 * sends and exits would be lost. Full: the least recently used flow is forgotten and its connection is
 * unattributed. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 32768);
  __type(key, __u64);
  __type(value, struct ew_flow);
} flows __weak SEC(".maps");

/* sockops writes before the SYN leaves; agent takes (reads and deletes) at accept. Full: as `flows`. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 32768);
  __type(key, struct ew_tuple);
  __type(value, __u64);
} tuples __weak SEC(".maps");

/* Connect hooks write, of redirected connections; sockops, getpeername and the tripwire read. The socket owns its
 * element, which dies with it; the flow is also composed in it, since a program may be preempted and a per-CPU buffer
 * would mix two processes' facts. No memory: the connection is refused (map_full). */
struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct ew_flow_event);
} sockets __weak SEC(".maps");

/* Connect hooks write, for TCP connections that are no LLM's; the tripwire reads when their first packet comes by. By
 * thread: two that meet in a slot lose what they asked for, and where their sockets lead is taken for it. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, EW_ASKED_SLOTS);
  __type(key, __u32);
  __type(value, struct ew_asked);
} asked __weak SEC(".maps");

/* The tripwire writes and reads, under the socket's lock; connect hooks delete, or exempt what they let
 * through. No memory: packets of this socket are dropped, since nothing could be remembered of them. */
struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct ew_watch);
} watches __weak SEC(".maps");

/* Agent and programs each count their own element up; the tripwire compares the sum. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, EW_GENERATIONS);
  __type(key, __u32);
  __type(value, __u64);
} generations __weak SEC(".maps");

/* Address hooks and the tripwire write and read: what has been reported already of a socket other than TCP, lest each
 * datagram be an event. No memory: each datagram is. */
struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct ew_noted);
} noted __weak SEC(".maps");

/* Programs write; agent reads: EXEC, FORK and EXIT. Full: the event is lost and counted, and the agent reads /proc. */
struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 20);
} lifecycle __weak SEC(".maps");

/* As `lifecycle`: what is let through, PASSED and TRIPPED. Full, or the user's share used up: it is refused instead. */
struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 20);
} passing __weak SEC(".maps");

/* As `lifecycle`: what is refused. Full, or the user's share used up: it is refused all the same, and counted. */
struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 20);
} refusals __weak SEC(".maps");

/* As `lifecycle`: CONNECT and DNS_LEARNED, which decide nothing. Full: lost and counted. */
struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 18);
} notices __weak SEC(".maps");

/* Programs write and read, by uid. Full: the user who caused nothing for longest starts anew. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 8192);
  __type(key, __u32);
  __type(value, struct ew_budget);
} budgets __weak SEC(".maps");

/* Programs write; agent takes. Full: further users are counted together, and if even that is not possible, in
 * `counters` alone. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 4096);
  __type(key, struct ew_loss);
  __type(value, __u64);
} losses __weak SEC(".maps");

/* Programs write; agent sums over the CPUs. */
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct ew_counters);
} counters __weak SEC(".maps");

#endif
