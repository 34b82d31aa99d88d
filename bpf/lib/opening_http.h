/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* The head of an HTTP/1 request byte by byte; included by opening.h alone. */
#ifndef EGRESSWARDEN_BPF_LIB_OPENING_HTTP_H
#define EGRESSWARDEN_BPF_LIB_OPENING_HTTP_H

#define EW_METHOD_BYTES_MAX 20

/* Words as numbers, first character lowest. */
#define EW_WORD_CONNECT 0x205443454e4e4f43ULL /* "CONNECT " */
#define EW_WORD_VERSION 0x2e312f50545448ULL   /* "HTTP/1." */
#define EW_WORD_HOST 0x3a74736f68ULL          /* "host:" */

static __always_inline int is_letter_of(__u64 word, __u64 place, __u64 byte) {
  return place < 8 && (word >> (place * 8) & 0xff) == byte;
}

/* Whether the line, read from its start, has been `word` so far. */
static __always_inline int follows(volatile struct opening* o, __u64 word, __u64 column, __u64 byte) {
  if (o->matched != column || !is_letter_of(word, column, byte)) return 0;
  o->matched = column + 1;
  return 1;
}

/* A text protocol that begins like a request has no version at the end of its first line. */
static __always_inline void version_byte(volatile struct opening* o, __u64 byte) {
  __u64 version = o->version;
  if (byte == ' ')
    o->version = 1;
  else if (version && version < 8 && is_letter_of(EW_WORD_VERSION, version - 1, byte))
    o->version = version + 1;
  else if (version < 8)
    o->version = 0;
}

static __always_inline void request_line_byte(volatile struct opening* o, __u64 column, __u64 byte) {
  if (follows(o, EW_WORD_CONNECT, column, byte) && column == 7) {
    o->tunnel = 1;
    o->in_name = 1;
    return;
  }
  if (byte == '\n') {
    if (o->version < 8) o->verdict = VERDICT_NOTHING;
    o->line = 1;
    o->column = o->matched = 0;
    return;
  }
  if (o->target == 1) { /* its first character: a proxy is given whole addresses */
    o->target = 2;
    if (byte != '/' && byte != '*') o->tunnel = 1;
  } else if (o->target == 0) {
    if (byte == ' ')
      o->target = 1;
    else if (byte < 'A' || byte > 'Z' || column >= EW_METHOD_BYTES_MAX)
      o->verdict = VERDICT_NOTHING;
  }
  version_byte(o, byte);
}

static __always_inline void header_line_byte(volatile struct opening* o, __u64 column, __u64 byte) {
  if (byte == '\n') {
    if (!column) o->verdict = VERDICT_NOTHING; /* the head ends without a Host */
    o->column = o->matched = 0;
    return;
  }
  if (follows(o, EW_WORD_HOST, column, byte | 0x20) && column == 4) o->in_name = 1;
}

static __always_inline void http_byte(volatile struct opening* o, __u64 byte) {
  int blank = byte == ' ' || byte == '\t';
  if (o->in_name) {
    if (byte == ':' || byte == '\r' || byte == '\n' || (blank && o->out))
      end_name(o);
    else if (!blank)
      put_name(o, byte);
    return;
  }
  if (byte == '\r') return;
  __u64 column = o->column;
  o->column = column + 1;
  if (o->line)
    header_line_byte(o, column, byte);
  else
    request_line_byte(o, column, byte);
}

#endif
