# SPDX-License-Identifier: Apache-2.0
"""An agent of the stage's own, and the command line pointed at it."""
import json
import os
import pathlib
import signal
import socket
import urllib.request

from . import yaml
from .process import Daemon, children_of, run, wait_until


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def merge(base, more):
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            merge(base[key], value)
        else:
            base[key] = value
    return base


def field(record, dotted):
    """`dec.verdict` of a nested record; None when it is not there."""
    for name in dotted.split("."):
        if not isinstance(record, dict) or name not in record:
            return None
        record = record[name]
    return record


def parse_lines(text):
    """Both shapes a command may print with --json: one array or object, or one object a line."""
    text = text.strip()
    if not text:
        return []
    try:
        value = json.loads(text)
        if isinstance(value, dict) and "records" in value:
            return value["records"]
        return value if isinstance(value, list) else [value]
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines()]


class Agent:
    def __init__(self, stage, policy, more=None):
        self.stage = stage
        self.folder = stage.folder / f"agent-{stage.number()}"
        self.folder.mkdir()
        self.policy_file = self.folder / "policy.yaml"
        self.policy_file.write_text(policy)
        self.metrics_port = free_port()
        self.state_dir, self.run_dir = self.folder / "state", self.folder / "run"
        self.config = merge(self.defaults(), more or {})
        self.config_file = self.folder / "agent.yaml"
        self.write_config()
        self.daemon = None
        self.starts = 0

    def defaults(self):
        stage = self.stage
        identity = {"identity": {"runtime_root": stage.containers.host}} if stage.containers else {}
        return {
            **identity,
            "state_dir": self.state_dir, "run_dir": self.run_dir, "bpffs_dir": stage.bpffs / self.folder.name,
            "worker_user": stage.worker_user, "log_level": "debug",
            "intercept": {"cgroup": stage.guarded.path, "on_agent_down": "refuse", "mode": "learned", "endpoints": []},
            "trust": {"ca_dir": self.folder / "trust", "inject": "auto"},
            "policy": {"bundle": self.policy_file, "allow_unsigned": True},
            "audit": {"log_domain": "test.example", "tenant": "suite"},
            "provider_roots": stage.provider_ca, "workers": 2, "metrics": {"listen": f"127.0.0.1:{self.metrics_port}"},
        }

    def write_config(self):
        self.config_file.write_text(yaml.dump(self.config))

    def start(self, seconds=20):
        ready = self.run_dir / "ready"
        if ready.exists():
            ready.unlink()
        self.starts += 1
        self.daemon = Daemon([self.stage.binary("egresswardend"), "--config", self.config_file], self.folder / f"log-{self.starts}")
        self.stage.daemons.append(self.daemon)
        self.daemon.wait_for(ready, seconds, "the agent")
        return self

    @property
    def ca(self):
        """What clients are given to trust: every root of the host's authority, in one file."""
        roots = sorted((self.folder / "trust").rglob("root.pem"))
        if not roots:
            raise AssertionError(f"no root.pem below {self.folder / 'trust'}")
        bundle = self.folder / "roots.pem"
        bundle.write_text("".join(root.read_text() for root in roots))
        bundle.chmod(0o644)
        return bundle

    def workers(self):
        return children_of(self.daemon.pid)

    def reload(self):
        self.daemon.send(signal.SIGHUP)

    def stop(self, seconds=15):
        return self.daemon.end(seconds)

    def kill9(self):
        """SIGKILL to the supervisor alone; its workers have to notice by themselves."""
        self.daemon.kill()

    def command(self, *words, ok=(0,), stdin=b"", timeout_s=60):
        # Those that need no agent and no log know no config.
        config = [] if words[0] in ("policy", "classify", "redact") else ["--config", self.config_file]
        done = run([self.stage.binary("egresswarden"), *words, *config], stdin=stdin, timeout_s=timeout_s)
        if ok is not None and done.returncode not in ok:
            said = (done.stderr or done.stdout).decode(errors="replace").strip()
            raise AssertionError(f"`egresswarden {' '.join(map(str, words))}` ended with {done.returncode}: {said}")
        return done

    def json(self, *words):
        return parse_lines(self.command(*words, "--json").stdout.decode())

    def records(self, kind=None, **wanted):
        """Records of the log, oldest first; wanted: dotted names with __ for the dot."""
        found = sorted(self.json("audit", "list"), key=lambda record: int(field(record, "seq") or 0))
        if kind:
            found = [record for record in found if record.get("kind") == kind]
        for name, value in wanted.items():
            found = [record for record in found if field(record, name.replace("__", ".")) == value]
        return found

    def decision_of(self, req, seconds=5):
        """The decision record that the application was told of."""
        found = wait_until(lambda: self.records("decision", req=req), seconds, f"a decision record {req}")
        if len(found) != 1:
            raise AssertionError(f"{len(found)} decision records for {req}")
        return found[0]

    def verify(self):
        """Exports the log and checks the copy offline, as an auditor would."""
        folder = self.folder / f"export-{self.stage.number()}"
        self.command("audit", "export", folder)
        self.command("audit", "verify", folder, "--vkey", (folder / "vkey").read_text().strip())
        return folder

    def metrics(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=5) as answer:
            return answer.read().decode()

    def metric(self, name, **labels):
        """Sum over all series of that name that carry these labels."""
        total = 0.0
        for line in self.metrics().splitlines():
            head, _, value = line.rpartition(" ")
            if head.split("{")[0] == f"egresswarden_{name}" and all(f'{key}="{want}"' in head for key, want in labels.items()):
                total += float(value)
        return total

    def remove(self):
        """What an operator does last: takes away pins, trust and cgroup entries. Trust is undone by the running agent."""
        return self.command("down", ok=None)
