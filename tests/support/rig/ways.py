# SPDX-License-Identifier: Apache-2.0
"""Attempts to bring bytes to the provider past the agent, and the matrix of what became of each: what was recorded of it, and how
many bytes arrived."""
import os
import pathlib
import socket
import threading
import time

from .agent import field
from .report import equal

SUPPORT = pathlib.Path(__file__).resolve().parents[1]
WAY = SUPPORT / "ways_out/way.py"
NAME = "api.openai.com"
# What root does to the guard itself, by the reason that stands in the record.
ALERTS = {"left_guarded_tree", "pins_removed", "programs_detached", "guard_lost", "guard_released"}


class Sink(threading.Thread):
    """What arrives by UDP."""

    def __init__(self, address, port):
        super().__init__(daemon=True)
        self.got = b""
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, port))
        self.start()

    def run(self):
        while True:
            self.got += self.socket.recv(65536)


class Relay(threading.Thread):
    """Somebody outside the guarded tree who leads everybody to the provider, after a greeting of some protocol."""

    def __init__(self, address, port, target):
        super().__init__(daemon=True)
        self.target = target
        self.server = socket.create_server((address, port))
        self.start()

    def run(self):
        while True:
            threading.Thread(target=self.serve, args=[self.server.accept()[0]], daemon=True).start()

    def greet(self, client):
        raise NotImplementedError

    def from_client(self, block):
        return block

    def to_client(self, block):
        return block

    def serve(self, client):
        try:
            self.greet(client)
        except OSError:  # the agent ended it
            return
        provider = socket.create_connection((self.target, 443))
        threading.Thread(target=self.copy, args=[provider, client, self.to_client], daemon=True).start()
        self.copy(client, provider, self.from_client)

    @staticmethod
    def copy(source, target, change):
        try:
            while block := source.recv(65536):
                target.sendall(change(block))
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class ConnectProxy(Relay):
    def greet(self, client):
        client.recv(4096)
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")


class SocksProxy(Relay):
    """SOCKS version 5 without authentication (RFC 1928)."""

    def greet(self, client):
        client.recv(4096)
        client.sendall(b"\x05\x00")
        client.recv(4096)
        client.sendall(b"\x05\x00\x00\x01\0\0\0\0\0\0")


class SshDouble(Relay):
    """Stands for an SSH server that forwards: SSH's version lines (RFC 4253), and then bytes that tell nothing."""

    def greet(self, client):
        while not client.recv(1) == b"\n":
            pass
        client.sendall(b"SSH-2.0-double\r\n")

    def from_client(self, block):
        return bytes(byte ^ 0xA5 for byte in block)

    to_client = from_client


class Ways:
    """`stage.guarded` is where attempts are made; `double`, the others and the sinks tell what arrived."""

    def __init__(self, stage, double, agent, others=()):
        self.stage, self.double, self.agent = stage, double, agent
        self.doubles = [double, *others]
        self.matrix, self.sinks, self.count = [], [], 0

    def sink(self, address, port):
        self.sinks.append(Sink(address, port))

    def mark(self):
        self.count += 1
        return f"mark-{self.count:04d}"

    def bundle(self):
        both = self.stage.folder / "both.pem"
        roots = "".join(root.read_text() for root in sorted((self.agent.folder / "trust").rglob("root.pem")))
        both.write_text(roots + self.double.ca.read_text())
        both.chmod(0o644)
        return both

    def argv(self, way, address, port, mark, *more):
        return ["/usr/bin/python3", WAY, way, address, port, NAME, self.bundle(), mark, *more]

    def records(self):
        return [record for record in self.agent.records() if record["kind"] in ("decision", "flow")]

    @staticmethod
    def described(record):
        if record["kind"] == "decision":
            return f"decision {field(record, 'dec.verdict')}"
        return f"flow {field(record, 'net.capture')} {field(record, 'net.reason')}"

    def delivered(self, mark):
        requests = sum(len(request.body) for double in self.doubles for request in double.requests() if mark.encode() in request.body)
        return requests + sum(sink.got.count(mark.encode()) * len(mark) for sink in self.sinks)

    @staticmethod
    def outcome_of(made, came):
        if any(word.startswith("decision") for word in made):
            return "intercepted"
        if any(word.split()[-1] in ALERTS for word in made):
            return "alert"
        if not came and any(word.startswith("flow refused") for word in made):
            return "refused"
        if made:
            return "seen, not inspected"
        return "ESCAPED" if came else "not possible here"

    def row(self, way, user, mark, said, seen, where):
        """Adds a line to the matrix -> (outcome, bytes that arrived, records made of it)."""
        deadline = time.monotonic() + 2
        while len(self.records()) == seen and "Permission" not in said and time.monotonic() < deadline:
            time.sleep(0.1)
        made, came = [self.described(record) for record in self.records()[seen:]], self.delivered(mark)
        outcome = self.outcome_of(made, came)
        self.matrix.append((way, where, user, outcome, came, ", ".join(sorted(set(made))) or said))
        return outcome, came, made

    def run(self, argv, way, user, mark, where, env=None, place=None):
        seen = len(self.records())
        place = place or self.stage.guard(self.agent)
        place = place if user == "root" else place.as_user(user)
        done = place.run(argv, timeout_s=40, env=env)
        said = done.stdout.decode().strip() or done.stderr.decode().strip()[-200:]
        return (*self.row(way, user, mark, said, seen, where), said)

    def attempt(self, way, user, address, port, where, *more, **how):
        mark = self.mark()
        return self.run(self.argv(way, address, port, mark, *more), way, user, mark, where, **how)

    def print(self):
        lines = [("way", "address", "user", "outcome", "delivered", "record"), *self.matrix]
        widths = [max(len(str(line[column])) for line in lines) for column in range(6)]
        for line in lines:
            print("  ".join(str(cell).ljust(width) for cell, width in zip(line, widths)).rstrip(), flush=True)

    def check_nothing_escaped(self):
        equal([line for line in self.matrix if line[3] == "ESCAPED"], [], "ways out without a record")
        equal([line for line in self.matrix if line[3] == "alert" and line[2] != "root"], [], "ordinary users who did what root alone may")
