# SPDX-License-Identifier: Apache-2.0
"""A collector of the stage's own and the certificates of its little fleet."""
import json
import pathlib
import ssl
import subprocess
import time
import urllib.request

from . import yaml
from .agent import free_port
from .process import Daemon, wait_until

MAKE = pathlib.Path(__file__).resolve().parents[3] / "packaging" / "make-fleet-certificates"


class Collector:
    def __init__(self, stage):
        self.stage = stage
        self.folder = stage.folder / f"collector-{stage.number()}"
        self.folder.mkdir()
        self.keys = self.folder / "keys"
        subprocess.run([MAKE, self.keys], check=True, capture_output=True)
        self.port = free_port()
        self.config_file = self.folder / "collector.yaml"
        self.config_file.write_text(yaml.dump({
            "listen": f"127.0.0.1:{self.port}", "state_dir": self.folder / "state", "run_dir": self.folder / "run",
            "tls": {"cert": self.keys / "collector.pem", "key": self.keys / "collector.key", "client_ca": self.keys / "ca.pem"},
            "log_level": "debug",
        }))
        self.daemon = None
        self.starts = 0

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    def for_agent(self):
        """The agent's `audit.collector` section."""
        return {"url": self.url, "cert": self.keys / "agent.pem", "key": self.keys / "agent.key", "ca": self.keys / "ca.pem"}

    def start(self):
        self.starts += 1
        self.daemon = Daemon([self.stage.binary("egresswarden-collector"), "--config", self.config_file], self.folder / f"log-{self.starts}")
        self.stage.daemons.append(self.daemon)
        wait_until(self.answers, 15, lambda: f"the collector answers: {self.daemon.tail()}")
        return self

    def stop(self):
        return self.daemon.end()

    def get(self, path):
        trust = ssl.create_default_context(cafile=self.keys / "ca.pem")
        trust.load_cert_chain(self.keys / "reader.pem", self.keys / "reader.key")
        with urllib.request.urlopen(self.url + path, context=trust, timeout=10) as answer:
            return json.load(answer)

    def answers(self):
        if not self.daemon.running():
            raise AssertionError(f"the collector ended with {self.daemon.child.returncode}: {self.daemon.tail()}")
        try:
            self.get("/api/v1/hosts")
            return True
        except OSError:
            return False

    def records(self, query=""):
        """All pages of /api/v1/records."""
        found, cursor = [], ""
        while True:
            page = self.get(f"/api/v1/records?limit=500{query}{'&cursor=' + str(cursor) if cursor else ''}")
            found += page["records"]
            cursor = page.get("next")
            if not cursor or not page["records"]:
                return found
            time.sleep(0)
