#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Both ends of the conversations that strict mode has to let through unchanged. A client prints what it saw as JSON.

    peer.py serve echo|greeter ADDRESS PORT
    peer.py WHAT ADDRESS PORT [MORE ...]
"""
import errno
import hashlib
import json
import os
import socket
import ssl
import struct
import sys
import threading
import time

MIB = 1 << 20
LLM = "api.openai.com"
HELLO_WAYS = ("whole", "bytes", "records", "late")


def block(number):
    """A mebibyte that differs from every other."""
    return hashlib.sha256(str(number).encode()).digest() * (MIB // 32)


def read_all(s):
    data = b""
    while more := s.recv(65536):
        data += more
    return data


def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


# --- servers

state = {"last": "nothing"}


def send_blocks(s, count, digest=None):
    for number in range(count):
        part = block(number)
        s.sendall(part)
        if digest:
            digest.update(part)


def receive(s, size, digest=None):
    """-> whether so many bytes came"""
    buffer = bytearray(MIB)
    while size > 0:
        got = s.recv_into(buffer, min(size, MIB))
        if got == 0:
            return False
        if digest:
            digest.update(memoryview(buffer)[:got])
        size -= got
    return True


def both_ways(s, count):
    digest = hashlib.sha256()
    sender = threading.Thread(target=send_blocks, args=(s, count))
    sender.start()
    receive(s, count * MIB, digest)
    sender.join()
    s.sendall(digest.hexdigest().encode())


def answer(s, peer):
    line = b""
    while not line.endswith(b"\n") and len(line) < 1000:
        byte = s.recv(1)
        if not byte:
            state["last"] = "end"
            return
        line += byte
    words = line.decode("latin-1").split()
    if words[0] == "ECHO":  # until the client ends; then a last word
        while data := s.recv(65536):
            s.sendall(data)
        s.sendall(b"bye")
    elif words[0] == "FIRST":  # ends its side first
        s.sendall(b"first")
        s.shutdown(socket.SHUT_WR)
        state["last"] = len(read_all(s))
    elif words[0] == "WHO":
        s.sendall(peer.encode())
    elif words[0] == "RESET":
        reset(s)
        return
    elif words[0] == "WATCH":
        state["last"] = "open"
        s.sendall(b"watching")
        try:
            state["last"] = "end" if not s.recv(1) else "data"
        except ConnectionResetError:
            state["last"] = "reset"
    elif words[0] == "LAST":
        s.sendall(json.dumps(state["last"]).encode())
    elif words[0] == "BLOCKS":
        send_blocks(s, int(words[1]))
    elif words[0] == "WAYS":
        both_ways(s, int(words[1]))
    elif words[0] == "CONNECT":
        s.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        read_all(s)
    s.close()


def greet(s, _):
    s.sendall(b"220 ready\r\n")
    read_all(s)
    s.close()


def serve(kind, address, port):
    listener = socket.create_server((address, int(port)), family=socket.AF_INET6 if ":" in address else socket.AF_INET, backlog=1024)
    print("listening", flush=True)

    def guard(s, peer):
        try:
            (answer if kind == "echo" else greet)(s, peer)
        except OSError:
            s.close()
    while True:
        s, peer = listener.accept()
        threading.Thread(target=guard, args=(s, peer[0]), daemon=True).start()


# --- clients

def connect(address, port, source=None):
    s = socket.create_connection((address, int(port)), 30, (source, 0) if source else None)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def end_of(s):
    """reset, end or open (nothing within the socket's time)"""
    try:
        while s.recv(65536):
            pass
        return "end"
    except (ConnectionResetError, BrokenPipeError):
        return "reset"
    except TimeoutError:
        return "open"


def over_two_records(hello):
    message = hello[5:]
    cut = len(message) // 2
    return b"".join(hello[:3] + struct.pack(">H", len(part)) + part for part in (message[:cut], message[cut:]))


def send_hello(s, hello, way):
    if way == "bytes":
        for at in range(len(hello)):
            s.sendall(hello[at:at + 1])
    elif way == "late":
        time.sleep(10)
        s.sendall(hello[:100])
        time.sleep(1)
        s.sendall(hello[100:])
    else:
        s.sendall(over_two_records(hello) if way == "records" else hello)


def hello_of(name):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.check_hostname = bool(name)
    leg = context.wrap_bio(incoming, outgoing, server_hostname=name or None)
    try:
        leg.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return leg, incoming, outgoing, outgoing.read()


def handshake(address, port, name, way):
    leg, incoming, outgoing, hello = hello_of(name)
    s = connect(address, port)
    send_hello(s, hello, way)
    while True:
        try:
            leg.do_handshake()
            break
        except ssl.SSLWantReadError:
            data = s.recv(65536)
            if not data:
                raise SystemExit("the server ended the connection")
            incoming.write(data)
    s.sendall(outgoing.read())
    return {"issuer": dict(pair[0] for pair in leg.getpeercert()["issuer"])["commonName"]}


def echo(address, port, order):
    s = connect(address, port)
    if order == "server_ends_first":
        s.sendall(b"FIRST\n")
        first = read_all(s)
        s.sendall(b"x" * 100_000)
        s.close()
        time.sleep(0.5)
        asked = connect(address, port)
        asked.sendall(b"LAST\n")
        return {"first": first.decode(), "then": json.loads(read_all(asked))}
    sent = os.urandom(1000) * 100
    s.sendall(b"ECHO\n")
    sender = threading.Thread(target=lambda: (s.sendall(sent), s.shutdown(socket.SHUT_WR)))
    sender.start()
    back = read_all(s)
    sender.join()
    return {"same": back[:-3] == sent, "last": back[-3:].decode()}


def listen(address, port, half_closed=False):
    started = time.monotonic()
    s = connect(address, port)
    if half_closed:
        s.shutdown(socket.SHUT_WR)
    heard = s.recv(100).decode().strip()
    return {"heard": heard, "seconds": time.monotonic() - started}


def silent(address, port, seconds):
    s = connect(address, port)
    s.settimeout(float(seconds))
    state = end_of(s)
    if state == "open":  # and still good for something
        s.settimeout(10)
        s.sendall(b"WHO\n")
        state = "open" if s.recv(100) else "ended"
    return {"state": state}


def smuggle(address, port, way):
    s = connect(address, port)
    if way == "after_greeting":
        s.recv(100)
    else:
        asked = LLM if way == "connect_name" else "198.51.100.1"
        s.sendall(f"CONNECT {asked}:443 HTTP/1.1\r\nHost: {asked}:443\r\n\r\n".encode())
        try:
            s.recv(100)
        except ConnectionResetError:
            return {"state": "reset"}
    try:
        s.sendall(hello_of(LLM)[3])
    except (ConnectionResetError, BrokenPipeError):
        return {"state": "reset"}
    s.settimeout(10)
    state = end_of(s)
    # A connection that is refused before anything was passed on is closed like one at an LLM's own address.
    return {"state": "reset" if state == "end" and way == "connect_name" else state}


def talk(address, port, source):
    s = connect(address, port, source)
    s.sendall(b"WHO\n")
    return {"peer": read_all(s).decode()}


def refused(address, port):
    started = time.monotonic()
    try:
        s = connect(address, port)
        s.settimeout(20)
        state = end_of(s)
    except ConnectionRefusedError:
        state = "refused"
    except ConnectionResetError:
        state = "reset"
    return {"state": state, "seconds": time.monotonic() - started}


def reset_by_server(address, port):
    s = connect(address, port)
    s.sendall(b"RESET\n")
    return {"state": end_of(s)}


def reset_by_client(address, port):
    s = connect(address, port)
    s.sendall(b"WATCH\n")
    s.recv(100)
    reset(s)
    time.sleep(0.5)
    asked = connect(address, port)
    asked.sendall(b"LAST\n")
    return {"state": json.loads(read_all(asked))}


def many(address, port, count, at_once):
    failures, whole, lock, left = [], 0, threading.Lock(), list(range(int(count)))

    def work():
        nonlocal whole
        while True:
            with lock:
                if not left:
                    return
                left.pop()
            sent = os.urandom(2000)
            try:
                s = connect(address, port)
                s.sendall(b"ECHO\n" + sent)
                s.shutdown(socket.SHUT_WR)
                good = read_all(s) == sent + b"bye"
                s.close()
            except OSError as error:
                good = str(error)
            with lock:
                if good is True:
                    whole += 1
                else:
                    failures.append(good)
    threads = [threading.Thread(target=work) for _ in range(int(at_once))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"whole": whole, "failures": failures}


def download(address, port, mib):
    s = connect(address, port)
    started = time.monotonic()
    s.sendall(f"BLOCKS {mib}\n".encode())
    whole = receive(s, int(mib) * MIB) and s.recv(1) == b""
    return {"whole": whole, "mib_per_s": int(mib) / (time.monotonic() - started)}


def ways(address, port, mib):
    count, up, down, wanted = int(mib), hashlib.sha256(), hashlib.sha256(), hashlib.sha256()
    s = connect(address, port)
    s.sendall(f"WAYS {count}\n".encode())
    sender = threading.Thread(target=send_blocks, args=(s, count, up))
    sender.start()
    whole = receive(s, count * MIB, down)
    sender.join()
    for number in range(count):
        wanted.update(block(number))
    said = s.recv(64, socket.MSG_WAITALL).decode()
    return {"down": whole and down.digest() == wanted.digest(), "up": said == up.hexdigest()}


def quic(address, port):
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", (address, int(port)))
        return {"error": "none"}
    except OSError as error:
        return {"error": errno.errorcode[error.errno]}


def crowd(address, port, count):
    """Holds connections until its input ends."""
    held = []
    for _ in range(int(count)):
        s = connect(address, port)
        s.sendall(b"ECHO\n")
        held.append(s)
        time.sleep(0.02)
    print(json.dumps({"connected": len(held)}), flush=True)
    sys.stdin.read()
    return {}


CLIENTS = {"handshake": handshake, "echo": echo, "listen": listen, "listen_half_closed": lambda a, p: listen(a, p, True), "silent": silent, "smuggle": smuggle,
           "talk": talk, "refused": refused, "reset_by_server": reset_by_server, "reset_by_client": reset_by_client, "many": many, "download": download,
           "both_ways": ways, "quic": quic, "crowd": crowd}

if __name__ == "__main__":
    what, *words = sys.argv[1:]
    if what == "serve":
        serve(*words)
    print(json.dumps(CLIENTS[what](*words)))
