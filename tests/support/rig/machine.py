# SPDX-License-Identifier: Apache-2.0
"""A Debian 12 that boots under systemd-nspawn from a tree made by mmdebstrap."""
import os
import pathlib
import re
import shutil
import subprocess

from .process import Daemon, children_of, wait_until

BASE = ["systemd", "systemd-sysv", "dbus", "dbus-user-session", "libpam-systemd", "init-system-helpers", "adduser", "openssl", "ca-certificates", "curl", "python3-minimal", "procps", "mount"]


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
    """Its processes live in cgroups below `cgroup`, which is the root of all cgroups as they see it; its network and pids
    are its own. `bpffs` becomes its /sys/fs/bpf: /sys is read-only inside, so it cannot mount one."""

    def __init__(self, folder, tar, log, cgroup, bpffs):
        self.root = pathlib.Path(folder)
        self.root.mkdir()
        subprocess.run(["tar", "-C", self.root, "-xf", tar], check=True)
        self.log, self.cgroup, self.bpffs = log, cgroup, bpffs
        self.daemon = self.leader = None

    def write(self, path, text):
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def copy(self, source, path):
        shutil.copy(source, self.root / path.lstrip("/"))

    def boot(self):
        argv = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--console=pipe", "--boot", f"--directory={self.root}",
                "--capability=all", "--private-network", f"--bind={self.bpffs}:/sys/fs/bpf",
                "--system-call-filter=bpf perf_event_open open_by_handle_at @keyring", f"--machine=egresswarden-{os.getpid()}", "systemd.log_level=warning"]
        # Hosts with both hierarchies would hand on both; a host of today has one.
        self.daemon = Daemon(argv, self.log, cgroup=self.cgroup, env={"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"})
        wait_until(self.find_leader, 20, lambda: f"nspawn starts its init: {self.daemon.tail()}")
        wait_until(lambda: self.run("systemctl", "is-system-running").stdout.strip() in (b"running", b"degraded"), 90,
                   lambda: f"the machine is up; it waits for {self.run('systemctl', 'list-jobs').stdout.decode()}", pause_s=0.2)
        return self

    def find_leader(self):
        """The machine's process 1, once it has made its own cgroups; they must be below ours."""
        for pid in children_of(self.daemon.pid):
            try:
                numbers = re.search(r"^NSpid:.*\t(\d+)$", pathlib.Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
                at = pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines()[-1].removeprefix("0::")
            except OSError:
                continue
            if numbers[1] == "1" and at.endswith("/init.scope"):
                if at != self.cgroup.below_mount + "/payload/init.scope":
                    raise AssertionError(f"the machine runs in {at}, not below {self.cgroup.path}")
                self.leader = pid
                return pid
        return None

    def enter(self, *kinds):
        return ["nsenter", "--target", str(self.leader), *(f"--{kind}" for kind in kinds)]

    def run(self, *argv, stdin=b"", timeout_s=120):
        """Runs a command inside, as its root."""
        enter = self.enter("mount", "uts", "ipc", "net", "pid", "cgroup", "root", "wd")
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LANG": "C.UTF-8"}
        return subprocess.run([*enter, *map(str, argv)], input=stdin, capture_output=True, env=env, timeout=timeout_s)

    def must(self, *argv, **more):
        done = self.run(*argv, **more)
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(map(str, argv))} ended with {done.returncode}: {(done.stderr or done.stdout).decode(errors='replace')[-800:]}")
        return done.stdout.decode(errors="replace")

    def files(self):
        """Every path of its disk."""
        return {os.path.relpath(os.path.join(folder, name), self.root) for folder, names, files in os.walk(self.root) for name in [*names, *files]}

    def end(self):
        if not self.daemon:
            return
        if self.leader and self.daemon.running():
            self.run("systemctl", "poweroff", "--no-block")
        try:
            self.daemon.child.wait(30)
        except subprocess.TimeoutExpired:
            pass
        self.daemon.end(10)
