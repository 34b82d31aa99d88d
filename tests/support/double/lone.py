#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A provider double for one call: lone.py ADDRESS CERTIFICATE KEY FILE. Writes the call it gets to FILE and answers 200; ends
after some seconds without one. For network namespaces that are made in numbers."""
import pathlib
import re
import socket
import ssl
import sys

ADDRESS, CERTIFICATE, KEY, FILE = sys.argv[1:5]
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(CERTIFICATE, KEY)
server = socket.create_server((ADDRESS, 443))
server.settimeout(20)
while True:
    try:
        plain, _ = server.accept()
    except TimeoutError:
        sys.exit(0)
    plain.settimeout(10)
    try:
        leg = context.wrap_socket(plain, server_side=True)
        got = b""
        while block := leg.recv(65536):
            got += block
            head, _, body = got.partition(b"\r\n\r\n")
            length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
            if length and len(body) >= int(length[1]):
                pathlib.Path(FILE).write_bytes(got)
                leg.sendall(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}')
                sys.exit(0)
    except OSError:
        pass
