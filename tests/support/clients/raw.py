#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sends the bytes of stdin as they are: raw.py tls|h2|tcp HOST PORT CA SECONDS. Writes what comes back to stdout; exit 3
when the peer closed or reset before it said anything, 4 when no connection could be made."""
import socket
import ssl
import sys

way, host, port, ca, seconds = sys.argv[1:]
try:
    leg = socket.create_connection((host, int(port)), timeout=10)
    if way in ("tls", "h2"):
        context = ssl.create_default_context(cafile=ca)
        if way == "h2":
            context.set_alpn_protocols(["h2"])
        leg = context.wrap_socket(leg, server_hostname=host)
except OSError as error:
    print(error, file=sys.stderr)
    sys.exit(4)
leg.settimeout(float(seconds))
got = b""
try:
    leg.sendall(sys.stdin.buffer.read())
    if way == "tcp":
        leg.shutdown(socket.SHUT_WR)
    while part := leg.recv(65536):
        got += part
except (TimeoutError, ConnectionError, ssl.SSLError) as error:
    print(error, file=sys.stderr)
sys.stdout.buffer.write(got)
sys.exit(0 if got else 3)
