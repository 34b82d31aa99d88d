// SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0)
// cgroup_skb/ingress: reads answers from port 53 (RFC 1035, section 4) before the application does, by UDP and, as
// far as its first segment goes, by TCP (RFC 7766), and learns the addresses of the names in map `names`. Whoever connects with an answer in hand is therefore
// redirected already.
//
// Every position and length is hostile. They live in map memory and the steps are global functions, each
// verified once by itself: so the verifier sees bounded loops over unknown numbers instead of every path
// through a packet. Learning too much does no harm: the agent decides by the name in the handshake and
// splices what is no LLM's.
#include "bpf/lib/common.h"
#include "bpf/lib/destination.h"
#include "bpf/lib/rings.h"

EW_PROGRAM_LICENSE;

#define EW_DNS_BYTES 2048  // more than the 1232 that resolvers allow themselves; a power of two, to mask by
#define EW_DNS_PORT 53
#define EW_DNS_HEADER 12
#define EW_DNS_ANSWERS_MAX 24
#define EW_DNS_LABELS_MAX 64
#define EW_DNS_JUMPS_MAX 8
#define EW_DNS_STEPS_MAX 144  // characters of a name, and jumps within it
#define EW_IPPROTO_TCP 6
#define EW_IPPROTO_UDP 17
#define EW_REFRESH_NS (60ULL * 1000000000)  // an address in use is not written at each answer
#define EW_NS_A_SECOND 1000000000ULL

enum { DNS_A = 1, DNS_CNAME = 5, DNS_AAAA = 28, DNS_IN = 1 };

struct dns_scratch {
  __u8 message[EW_DNS_BYTES];
  char name[EW_HOST_BYTES + 64];  // room for a first label to be skipped without leaving the array
  struct ew_name wildcard;
  struct ew_ports ports;
  struct ew_known known;
  struct ew_destination destination;
  __u64 length, at, out, remaining, jumps, first_label, ttl_s;
};

/* This program writes and reads, within one packet. Ingress runs with bottom halves off: one packet a CPU at
 * a time. */
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct dns_scratch);
} dns_scratch SEC(".maps");

static __always_inline volatile struct dns_scratch* scratch(void) {
  __u32 zero = 0;
  return bpf_map_lookup_elem(&dns_scratch, &zero);
}

static __always_inline __u64 byte_at(volatile struct dns_scratch* s, __u64 at) {
  return s->message[at & (EW_DNS_BYTES - 1)];
}

static __always_inline __u64 number_at(volatile struct dns_scratch* s, __u64 at) {
  return byte_at(s, at) << 8 | byte_at(s, at + 1);
}

static __always_inline int put(volatile struct dns_scratch* s, __u64 character) {
  __u64 out = s->out;
  if (out >= EW_HOST_BYTES - 1) return 0;
  if (character >= 'A' && character <= 'Z') character |= 0x20;
  s->name[out & (EW_HOST_BYTES - 1)] = character;
  s->out = out + 1;
  return 1;
}

// Writes the name at `position`, compressed or not, into `name` as text. 0 when it is malformed, too long or
// the root.
__noinline int ew_dns_expand(__u64 position) {
  volatile struct dns_scratch* s = scratch();
  if (!s) return 0;
  __builtin_memset((void*)s->name, 0, sizeof(s->name));
  s->at = position;
  s->out = s->remaining = s->jumps = s->first_label = 0;
  for (__u64 i = 0; i < EW_DNS_STEPS_MAX; i++) {
    __u64 at = s->at;
    if (at >= s->length) return 0;
    __u64 byte = byte_at(s, at);
    s->at = at + 1;
    if (s->remaining) {
      s->remaining--;
      if (!put(s, byte)) return 0;
      continue;
    }
    if (byte == 0) return s->out > 0;
    if ((byte & 0xc0) == 0xc0) {
      if (++s->jumps > EW_DNS_JUMPS_MAX) return 0;
      s->at = (byte & 0x3f) << 8 | byte_at(s, at + 1);
      continue;
    }
    if (byte & 0xc0) return 0;
    s->remaining = byte;
    if (!s->out)
      s->first_label = byte;
    else if (!put(s, '.'))
      return 0;
  }
  return 0;
}

// The position behind the name at `position`; 0 when it runs out of the message.
__noinline int ew_dns_skip(__u64 position) {
  volatile struct dns_scratch* s = scratch();
  if (!s) return 0;
  s->at = position;
  for (__u64 i = 0; i < EW_DNS_LABELS_MAX; i++) {
    __u64 at = s->at;
    if (at >= s->length) return 0;
    __u64 byte = byte_at(s, at);
    if (byte == 0) return at + 1;
    if ((byte & 0xc0) == 0xc0) return at + 2;
    if (byte & 0xc0) return 0;
    s->at = at + 1 + byte;
  }
  return 0;
}

// Whether `name` is wanted, itself or as one label below a wildcard; notes its ports and text.
__noinline int ew_dns_match(void) {
  struct dns_scratch* s = (struct dns_scratch*)scratch();
  if (!s) return 0;
  struct ew_ports* ports = bpf_map_lookup_elem(&names, s->name);
  if (!ports) {
    s->wildcard.text[0] = '*';
    bpf_probe_read_kernel(s->wildcard.text + 1, EW_HOST_BYTES - 1, s->name + (s->first_label & 63));
    ports = bpf_map_lookup_elem(&names, &s->wildcard);
  }
  if (!ports) return 0;
  s->ports = *ports;
  bpf_probe_read_kernel(s->known.host, EW_HOST_BYTES, s->name);
  return 1;
}

static __always_inline void report(struct dns_scratch* s) {
  struct ew_dns_event* record = bpf_ringbuf_reserve(&notices, sizeof(*record), 0);
  if (!record) {
    count_loss(EW_UID_UNKNOWN, EW_REASON_NOTICE);
    return;
  }
  record->event.kind = EW_EVENT_DNS_LEARNED;
  record->event.reason = EW_REASON_NONE;
  record->destination = s->destination;
  record->reserved = 0;
  __builtin_memcpy(record->host, s->known.host, EW_HOST_BYTES);
  bpf_ringbuf_submit(record, 0);
}

// Learns `destination` at one of the matched name's ports; an address already known is only refreshed.
__noinline int ew_dns_learn(__u32 port) {
  struct dns_scratch* s = (struct dns_scratch*)scratch();
  if (!s) return 0;
  s->destination.port = port;
  s->destination.reserved = 0;
  __u64 now = bpf_ktime_get_boot_ns(), keep = s->ttl_s * EW_NS_A_SECOND;
  s->known.since_boot_ns = now;
  s->known.until_boot_ns = now + (keep > EW_KEEP_NS ? keep : EW_KEEP_NS);
  struct ew_known* before = bpf_map_lookup_elem(&learned, &s->destination);
  if (before && now - before->since_boot_ns > EW_REFRESH_NS) {
    before->since_boot_ns = now;
    before->until_boot_ns = s->known.until_boot_ns;
  }
  if (before) return 0;
  if (bpf_map_update_elem(&learned, &s->destination, &s->known, BPF_ANY)) return 0;
  new_destination();
  count(EW_DNS_LEARNED);
  report(s);
  return 1;
}

// Takes the address at `position`, of 4 or 16 bytes.
__noinline int ew_dns_address(__u64 position, __u32 bytes) {
  struct dns_scratch* s = (struct dns_scratch*)scratch();
  if (!s || position + bytes > s->length || position > EW_DNS_BYTES - 16) return 0;
  if (bytes == 4) {
    __u32 v4 = 0;
    __builtin_memcpy(&v4, s->message + position, 4);
    set_mapped(s->destination.address, v4);
  } else {
    __builtin_memcpy(s->destination.address, s->message + position, 16);
  }
  for (__u64 i = 0; i < EW_PORTS_MAX; i++) {
    __u32 port = s->ports.port[i];
    if (!port) break;
    ew_dns_learn(port);
  }
  return 1;
}

// The question may be a wanted name, or an alias (CNAME) on the way may be; what follows are its addresses.
static __always_inline void read_answers(volatile struct dns_scratch* s) {
  __u64 answers = number_at(s, 6);
  int wanted = ew_dns_expand(EW_DNS_HEADER) && ew_dns_match();
  __u64 position = (__u32)ew_dns_skip(EW_DNS_HEADER);
  if (!position) return;
  position += 4;  // type and class of the question
  for (__u64 i = 0; i < EW_DNS_ANSWERS_MAX; i++) {
    if (i >= answers) return;
    position = (__u32)ew_dns_skip(position);
    if (!position || position + 10 > s->length) return;
    __u64 type = number_at(s, position), class = number_at(s, position + 2);
    __u64 bytes = number_at(s, position + 8), data = position + 10;
    s->ttl_s = number_at(s, position + 4) << 16 | number_at(s, position + 6);
    if (class == DNS_IN && type == DNS_CNAME && !wanted)
      wanted = ew_dns_expand(data) && ew_dns_match();
    else if (class == DNS_IN && wanted && type == DNS_A && bytes == 4)
      ew_dns_address(data, 4);
    else if (class == DNS_IN && wanted && type == DNS_AAAA && bytes == 16)
      ew_dns_address(data, 16);
    position = data + bytes;
  }
}

// Behind the header of a datagram, or that of a segment and the message's length.
static __always_inline __u32 behind_header(struct __sk_buff* skb, __u32 header, __u8 protocol) {
  __u8 offset = 0;
  if (protocol == EW_IPPROTO_UDP) return header + 8;
  if (bpf_skb_load_bytes(skb, header + 12, &offset, 1)) return 0;
  return header + (offset >> 4) * 4 + 2;
}

// Where the message from port 53 begins; 0 for every other packet, which is nearly all of them.
static __always_inline __u32 dns_payload(struct __sk_buff* skb) {
  __u32 protocol = ew_read(skb->protocol), header = 40;
  __u8 next = 0;
  __u16 port = 0;
  if (protocol == __builtin_bswap16(0x0800)) {
    __u8 first = 0;
    if (bpf_skb_load_bytes(skb, 9, &next, 1)) return 0;
    if (bpf_skb_load_bytes(skb, 0, &first, 1)) return 0;
    header = (first & 15) * 4;
  } else if (protocol == __builtin_bswap16(0x86dd)) {
    if (bpf_skb_load_bytes(skb, 6, &next, 1)) return 0;
  } else {
    return 0;
  }
  if (next != EW_IPPROTO_UDP && next != EW_IPPROTO_TCP) return 0;
  if (bpf_skb_load_bytes(skb, header, &port, 2) || host_order(port) != EW_DNS_PORT) return 0;
  return behind_header(skb, header, next);
}

SEC("cgroup_skb/ingress")
int ew_dns(struct __sk_buff* skb) {
  __u32 payload = dns_payload(skb);
  if (!payload) return 1;
  volatile struct dns_scratch* s = scratch();
  if (!s) return 1;
  __u64 length = ew_read(skb->len);
  if (length < payload + EW_DNS_HEADER) return 1;
  length -= payload;
  if (length > EW_DNS_BYTES) length = EW_DNS_BYTES;
  // Verifiers up to 6.1 lose the bounds above; the mask states them where they are needed.
  asm volatile("" : "+r"(length));
  length = ((length - 1) & (EW_DNS_BYTES - 1)) + 1;
  if (bpf_skb_load_bytes(skb, payload, (void*)s->message, length)) return 1;
  s->length = length;
  // An answer (QR), without error (RCODE 0), to one question.
  if (!(byte_at(s, 2) & 0x80) || (byte_at(s, 3) & 0x0f) || number_at(s, 4) != 1) return 1;
  count(EW_DNS_ANSWERS);
  read_answers(s);
  return 1;
}
