/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * Opening: the first bytes of a stream, read for the name in them: the server name of a TLS client hello (RFC
 * 8446, 4.1.2), the authority of an HTTP CONNECT, or the Host of a plain HTTP/1 request. Takes one byte at a
 * time and remembers where it is, so that it does not matter how the bytes are cut into packets and records.
 *
 * All state is in map memory and each step reads it anew: the verifier then sees one step with unknown numbers
 * instead of every path through a handshake.
 */
#ifndef EGRESSWARDEN_BPF_LIB_OPENING_H
#define EGRESSWARDEN_BPF_LIB_OPENING_H

#include "bpf/lib/common.h"

#define EW_OPENING_BYTES_MAX 65536 /* a name further inside counts as unreadable */
#define EW_RECORD_BYTES_MAX (16384 + 256)

enum opening_form { FORM_TLS = 1, FORM_HTTP };

enum opening_verdict {
  VERDICT_OPEN = 0, /* more bytes are needed */
  VERDICT_NAME,
  VERDICT_NOTHING, /* it is whole and names nobody, or it is not what it seemed */
  VERDICT_UNREADABLE,
};

struct opening {
  __u64 at, end; /* of the payload, in this packet */
  __u64 total;   /* bytes of all packets so far */
  __u64 form, verdict;
  /* A client hello: what is left of the record and of the hello, what to pass over, and the number being read,
   * of which `need` bytes are to come. */
  __u64 header, record_length, record_left, hello_left, skip;
  __u64 field, need, value, extension, name_left;
  /* A request: `matched` characters of a word that begins the line. */
  __u64 line, column, matched, version, target, in_name;
  __u64 tunnel; /* the peer is a proxy: what it is asked for is elsewhere */
  /* The name as text; room for a first label to be skipped without leaving the array. */
  __u64 out, first_dot, overlong;
  char name[EW_HOST_BYTES + 64];
  struct ew_name wildcard;
};

static __always_inline void put_name(volatile struct opening* o, __u64 character) {
  __u64 out = o->out;
  if (out >= EW_HOST_BYTES - 1) {
    o->overlong = 1; /* no name of ours is so long */
    return;
  }
  if (character >= 'A' && character <= 'Z') character |= 0x20;
  if (character == '.' && !o->first_dot) o->first_dot = out;
  o->name[out & (EW_HOST_BYTES - 1)] = character;
  o->out = out + 1;
}

static __always_inline void end_name(volatile struct opening* o) {
  __u64 last = o->out - 1;
  o->verdict = !o->out || o->overlong ? VERDICT_NOTHING : VERDICT_NAME;
  if (o->out > 1 && o->name[last & (EW_HOST_BYTES - 1)] == '.') o->name[last & (EW_HOST_BYTES - 1)] = 0;
}

#include "bpf/lib/opening_http.h"
#include "bpf/lib/opening_tls.h"

static __always_inline void take_byte(volatile struct opening* o, __u64 byte) {
  if (o->form == FORM_HTTP)
    http_byte(o, byte);
  else
    tls_byte(o, byte);
}

#endif
