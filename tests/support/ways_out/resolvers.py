#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Resolvers that no kernel can read: resolvers.py ADDRESS NAME ANSWER CERTIFICATE KEY SOCKET READY. DNS over TLS (RFC 7858) and
over HTTPS (RFC 8484, by POST in HTTP/1.1), and what nss-resolve asks of systemd-resolved over varlink at SOCKET. All of them say
that NAME is at ANSWER. Doubles, but for the protocols."""
import json
import os
import pathlib
import socket
import ssl
import struct
import sys
import threading

ADDRESS, NAME, ANSWER, CERTIFICATE, KEY, SOCKET, READY = sys.argv[1:8]
HEADER_BYTES, RESPONSE, TYPE_A, CLASS_IN, TTL_S = 12, 0x8180, 1, 1, 60


def answer_to(message):
    record = struct.pack(">HHHIH", 0xC00C, TYPE_A, CLASS_IN, TTL_S, 4) + socket.inet_aton(ANSWER)
    return message[:2] + struct.pack(">HHHHH", RESPONSE, 1, 1, 0, 0) + message[HEADER_BYTES:] + record


def over_tls(leg):
    reply = answer_to(leg.recv(4096)[2:])
    leg.sendall(struct.pack(">H", len(reply)) + reply)


def over_https(leg):
    head, _, message = leg.recv(4096).partition(b"\r\n\r\n")
    reply = answer_to(message)
    leg.sendall(f"HTTP/1.1 200 OK\r\nContent-Type: application/dns-message\r\nContent-Length: {len(reply)}\r\n\r\n".encode() + reply)


def over_varlink(leg):
    asked = json.loads(leg.recv(4096).split(b"\0")[0])
    known = asked["method"] == "io.systemd.Resolve.ResolveHostname" and asked["parameters"]["name"] == NAME
    reply = ({"parameters": {"addresses": [{"family": int(socket.AF_INET), "address": list(socket.inet_aton(ANSWER))}], "name": NAME, "flags": 1}}
             if known else {"error": "io.systemd.Resolve.NoSuchResourceRecord", "parameters": {}})
    leg.sendall(json.dumps(reply).encode() + b"\0")
    leg.recv(1)


def serve(server, act, tls=None):
    while True:
        plain, _ = server.accept()

        def one(plain=plain):
            try:
                act(tls.wrap_socket(plain, server_side=True) if tls else plain)
            except (OSError, ValueError, KeyError):
                pass

        threading.Thread(target=one, daemon=True).start()


context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(CERTIFICATE, KEY)
threads = [threading.Thread(target=serve, args=[socket.create_server((ADDRESS, port)), act, context]) for port, act in ((853, over_tls), (443, over_https))]
pathlib.Path(SOCKET).parent.mkdir(parents=True, exist_ok=True)
varlink = socket.socket(socket.AF_UNIX)
varlink.bind(SOCKET)
os.chmod(SOCKET, 0o666)
varlink.listen()
threads.append(threading.Thread(target=serve, args=[varlink, over_varlink]))
for thread in threads:
    thread.start()
pathlib.Path(READY).touch()
