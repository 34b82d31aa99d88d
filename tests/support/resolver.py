#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A name server for tests: resolver.py ADDRESS READY. Answers A questions for nN.ANYTHING with 127.200+.x.y made from N,
so that each name has an address of its own, and other questions with nothing."""
import pathlib
import re
import socket
import struct
import sys

ANSWER, TYPE_A, CLASS_IN, TTL_S = 0x8180, 1, 1, 60
PORT, HEADER_BYTES = 53, 12


def question_of(message):
    """-> (labels, type, where the question ends)"""
    labels, at = [], HEADER_BYTES
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode("latin-1"))
        at += 1 + message[at]
    return labels, struct.unpack_from(">H", message, at + 1)[0], at + 5


def address_of(number):
    return bytes([127, 200 + (number >> 16), number >> 8 & 255, number & 255])


def answer_to(message):
    labels, kind, end = question_of(message)
    named = re.fullmatch(r"n(\d+)", labels[0].lower()) if labels else None
    records = b""
    if named and kind == TYPE_A:
        records = struct.pack(">HHHIH", 0xC00C, TYPE_A, CLASS_IN, TTL_S, 4) + address_of(int(named[1]))
    return message[:2] + struct.pack(">HHHHH", ANSWER, 1, 1 if records else 0, 0, 0) + message[HEADER_BYTES:end] + records


def main(address, ready):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    server.bind((address, PORT))
    pathlib.Path(ready).touch()
    while True:
        message, peer = server.recvfrom(1500)
        try:
            server.sendto(answer_to(message), peer)
        except (IndexError, OSError):
            pass


main(*sys.argv[1:3])
