# SPDX-License-Identifier: Apache-2.0
"""Cgroups below the cgroup2 mount, made for one stage. Never the root: BPF programs attach to what this returns."""
import os
import pathlib
import time


def cgroup2_mount():
    with open("/proc/self/mountinfo") as lines:
        for line in lines:
            left, _, right = line.partition(" - ")
            if right.split()[0] == "cgroup2":
                return pathlib.Path(left.split()[4])
    raise RuntimeError("no cgroup2 mount on this machine: mount one, for instance at /sys/fs/cgroup/unified")


ENTER = 'echo 0 > "$0/cgroup.procs" || exit 125; exec "$@"'


def remove_mirrors(path):
    """Runtimes make the same path in every hierarchy of cgroup v1, and leave what is above their own."""
    for hierarchy in pathlib.Path("/sys/fs/cgroup").iterdir():
        below = hierarchy / path.relative_to(cgroup2_mount())
        if hierarchy != cgroup2_mount() and below.is_dir():
            for folder, _, _ in os.walk(below, topdown=False):
                os.rmdir(folder)


class Cgroup:
    def __init__(self, path, within=()):
        """`within`: a command under which its processes run, such as one that enters a network namespace."""
        self.path, self.within = pathlib.Path(path), list(within)
        self.path.mkdir(parents=True, exist_ok=True)

    def child(self, name):
        return Cgroup(self.path / name, self.within)

    def entering(self, *words):
        return Cgroup(self.path, words)

    def started(self, words):
        """The command line under which `words` are started in it."""
        return ["sh", "-c", ENTER, str(self.path), *self.within, *words]

    @property
    def below_mount(self):
        return "/" + str(self.path.relative_to(cgroup2_mount()))

    @property
    def id(self):
        return os.stat(self.path).st_ino

    def processes(self):
        found = []
        for folder, _, _ in os.walk(self.path):
            with open(os.path.join(folder, "cgroup.procs")) as lines:
                found += [int(line) for line in lines]
        return found

    def remove(self):
        """Ends what still runs in it (this stage started it) and removes it with all below."""
        if not self.path.exists():
            return
        (self.path / "cgroup.kill").write_text("1")
        for _ in range(200):
            if not self.processes():
                break
            time.sleep(0.02)
        for folder, _, _ in os.walk(self.path, topdown=False):
            os.rmdir(folder)
