# SPDX-License-Identifier: Apache-2.0
"""A Debian 12 that boots under systemd-nspawn from a tree made by mmdebstrap, with the host's loopback."""
import os
import pathlib
import shutil
import subprocess

from .process import Daemon, children_of, wait_until

BASE = ["systemd", "systemd-sysv", "dbus", "libpam-systemd", "init-system-helpers", "adduser", "openssl", "ca-certificates", "curl", "python3-minimal", "procps", "mount"]


def base_tree(cache, extra):
    """A tar of the base system; made once (about a minute) and kept."""
    tar = pathlib.Path(cache) / "base.tar"
    wanted = ",".join(sorted({*BASE, *extra}))
    note = tar.with_suffix(".packages")
    if not (tar.exists() and note.exists() and note.read_text() == wanted):
        tar.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", f"--include={wanted}", "bookworm", tar], check=True)
        note.write_text(wanted)
    return tar


class Machine:
    def __init__(self, folder, tar, log):
        self.root = pathlib.Path(folder)
        self.root.mkdir()
        subprocess.run(["tar", "-C", self.root, "-xf", tar], check=True)
        self.log = log
        self.daemon = self.leader = None

    def write(self, path, text):
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def copy(self, source, path):
        shutil.copy(source, self.root / path.lstrip("/"))

    def boot(self):
        argv = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--console=pipe", "--boot", f"--directory={self.root}", "--capability=all",
                "--system-call-filter=bpf perf_event_open @keyring", "--machine=ewtest", "systemd.log_level=warning"]
        self.daemon = Daemon(argv, self.log)
        wait_until(lambda: children_of(self.daemon.pid) or not self.daemon.running(), 20, f"nspawn starts its init: {self.daemon.tail()}")
        self.leader = children_of(self.daemon.pid)[0]
        wait_until(lambda: self.run("systemctl", "is-system-running").stdout.strip() in (b"running", b"degraded"), 90, "the machine is up", pause_s=0.5)
        return self

    def run(self, *argv, stdin=b"", timeout_s=120):
        """Runs a command inside, as its root."""
        enter = ["nsenter", "--target", str(self.leader), "--mount", "--uts", "--ipc", "--pid", "--cgroup", "--root", "--wd"]
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LANG": "C.UTF-8"}
        return subprocess.run([*enter, *map(str, argv)], input=stdin, capture_output=True, env=env, timeout=timeout_s)

    def must(self, *argv, **more):
        done = self.run(*argv, **more)
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(map(str, argv))} ended with {done.returncode}: {(done.stderr or done.stdout).decode(errors='replace')[-800:]}")
        return done.stdout.decode(errors="replace")

    def files(self):
        found = set()
        for top in ("etc", "usr/bin", "usr/sbin", "usr/lib/systemd", "usr/share/egresswarden", "usr/share/doc", "usr/local", "var/lib"):
            for folder, names, files in os.walk(self.root / top):
                found |= {os.path.relpath(os.path.join(folder, name), self.root) for name in [*names, *files]}
        return found

    def end(self):
        if self.leader and self.daemon.running():
            self.run("systemctl", "poweroff", "--no-block")
        self.daemon.end(30)
