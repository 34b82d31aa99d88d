# SPDX-License-Identifier: Apache-2.0
"""Starts the provider double and reads what it wrote down."""
import base64
import json
import pathlib
import subprocess
import tempfile

from .process import Daemon

SOURCE = pathlib.Path(__file__).resolve().parent.parent / "double"


class Request:
    def __init__(self, line):
        self.line = line
        self.n, self.url, self.method = line["n"], line["url"], line["method"]
        self.sni, self.connection = line.get("sni"), line.get("connection")
        self.headers = line["headers"]
        self.body = base64.b64decode(line["body"])

    def header(self, name):
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return values[0] if values else None


class Double:
    """listen: {"127.77.0.1:443": "good", ...}; more can be added by starting another one. `within` is a command to run
    it under, such as one that enters a network namespace."""

    def __init__(self, folder, node, listen, names=(), within=()):
        folder = pathlib.Path(folder)
        self.certificates = folder / "double-certificates"
        subprocess.run([SOURCE / "make-certificates", self.certificates, *names], check=True)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="double-", dir=folder))
        self.journal = self.folder / "journal.jsonl"
        ready = self.folder / "ready"
        argv = [*within, node, SOURCE / "main.js", "--certificates", self.certificates, "--log", self.journal, "--ready", ready]
        for where, certificate in listen.items():
            argv += ["--listen", f"{where}={certificate}"]
        self.daemon = Daemon(argv, self.folder / "output.log")
        self.daemon.wait_for(ready, 20, "the provider double")

    @property
    def ca(self):
        return self.certificates / "ca.pem"

    def lines(self):
        with open(self.journal) as lines:
            return [json.loads(line) for line in lines]

    def requests(self, since=0):
        return [Request(line) for line in self.lines() if line["event"] == "request" and line["n"] > since]

    def seen(self):
        """A mark: pass it to requests() to get only what came after."""
        return len([1 for line in self.lines() if line["event"] == "request"])

    def contains(self, text, since=0):
        raw = text.encode() if isinstance(text, str) else text
        return any(raw in request.body or raw in request.url.encode() for request in self.requests(since))

    def end(self):
        self.daemon.end(3)
