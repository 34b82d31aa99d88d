/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* A client hello byte by byte; included by opening.h alone. */
#ifndef EGRESSWARDEN_BPF_LIB_OPENING_TLS_H
#define EGRESSWARDEN_BPF_LIB_OPENING_TLS_H

#define EW_TLS_HANDSHAKE 0x16

/* Which number of the hello is being read, in the order of the wire. */
enum hello_field {
  HELLO_TYPE,
  HELLO_LENGTH,
  HELLO_SESSION,
  HELLO_CIPHERS,
  HELLO_COMPRESSION,
  HELLO_EXTENSIONS,
  HELLO_EXTENSION_TYPE,
  HELLO_EXTENSION_LENGTH,
  HELLO_NAME_LIST,
  HELLO_NAME_TYPE,
  HELLO_NAME_LENGTH,
  HELLO_NAME,
};

/* The five bytes before each record. A hello may go on in the next one, and an empty one means nothing. */
static __always_inline void record_byte(volatile struct opening* o, __u64 byte) {
  __u64 place = o->header, within = o->field || o->need;
  o->header = place + 1;
  if ((place == 0 && byte != EW_TLS_HANDSHAKE) || (place == 1 && byte != 3))
    o->verdict = within ? VERDICT_UNREADABLE : VERDICT_NOTHING;
  if (place == 3) o->record_length = byte << 8;
  if (place < 4) return;
  o->record_left = o->record_length | byte;
  o->header = 0;
  if (o->record_left > EW_RECORD_BYTES_MAX) o->verdict = within ? VERDICT_UNREADABLE : VERDICT_NOTHING;
  if (!within) o->need = 1;
}

/* Next is the number `field` of `bytes`, behind `skip` bytes that do not matter. */
static __always_inline void expect(volatile struct opening* o, __u64 field, __u64 bytes, __u64 skip) {
  o->field = field;
  o->need = bytes;
  o->skip = skip;
  if (skip > o->hello_left) o->verdict = VERDICT_UNREADABLE;
}

static __always_inline void extension_number(volatile struct opening* o, __u64 field, __u64 value) {
  if (field == HELLO_EXTENSION_TYPE) {
    o->extension = value;
    expect(o, HELLO_EXTENSION_LENGTH, 2, 0);
  } else if (field == HELLO_EXTENSION_LENGTH) {
    if (o->extension == 0 && value) /* server_name */
      expect(o, HELLO_NAME_LIST, 2, 0);
    else
      expect(o, HELLO_EXTENSION_TYPE, 2, value);
  } else if (field == HELLO_NAME_LIST) {
    expect(o, HELLO_NAME_TYPE, 1, 0);
  } else if (field == HELLO_NAME_TYPE) {
    expect(o, HELLO_NAME_LENGTH, 2, 0);
    if (value) o->verdict = VERDICT_UNREADABLE; /* there is no other type than host_name */
  } else {
    expect(o, HELLO_NAME, 1, 0);
    o->name_left = value;
    if (!value || value > o->hello_left) o->verdict = VERDICT_UNREADABLE;
  }
}

static __always_inline void hello_number(volatile struct opening* o, __u64 field, __u64 value) {
  if (field == HELLO_TYPE) {
    expect(o, HELLO_LENGTH, 3, 0);
    if (value != 1) o->verdict = VERDICT_NOTHING; /* another message, such as a server's hello */
  } else if (field == HELLO_LENGTH) {
    o->hello_left = value;
    expect(o, HELLO_SESSION, 1, 34); /* version and random */
  } else if (field == HELLO_SESSION) {
    expect(o, HELLO_CIPHERS, 2, value);
  } else if (field == HELLO_CIPHERS) {
    expect(o, HELLO_COMPRESSION, 1, value);
  } else if (field == HELLO_COMPRESSION) {
    expect(o, HELLO_EXTENSIONS, 2, value);
  } else if (field == HELLO_EXTENSIONS) {
    expect(o, HELLO_EXTENSION_TYPE, 2, 0);
  } else {
    extension_number(o, field, value);
  }
}

static __always_inline void hello_byte(volatile struct opening* o, __u64 byte) {
  __u64 field = o->field;
  if (field > HELLO_LENGTH) o->hello_left--;
  if (field == HELLO_NAME) {
    put_name(o, byte);
    if (!--o->name_left) end_name(o);
    return;
  }
  __u64 value = o->value << 8 | byte;
  o->value = value;
  if (--o->need) return;
  o->value = 0;
  hello_number(o, field, value);
}

static __always_inline void tls_byte(volatile struct opening* o, __u64 byte) {
  if (!o->record_left) {
    record_byte(o, byte);
    return;
  }
  o->record_left--;
  hello_byte(o, byte);
  if (!o->verdict && o->field > HELLO_LENGTH && !o->hello_left) o->verdict = VERDICT_NOTHING;
}

/* Passes over what does not matter, as far as this packet and this record go. */
static __always_inline void skip_ahead(volatile struct opening* o) {
  __u64 bytes = o->skip, room = o->end - o->at;
  if (!bytes || o->verdict || !o->record_left || o->at >= o->end) return;
  if (bytes > o->record_left) bytes = o->record_left;
  if (bytes > room) bytes = room;
  o->at += bytes;
  o->skip -= bytes;
  o->record_left -= bytes;
  o->hello_left -= bytes;
  if (!o->hello_left) o->verdict = VERDICT_NOTHING;
}

#endif
