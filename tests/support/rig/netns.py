# SPDX-License-Identifier: Apache-2.0
"""Network namespaces of a stage's own, with nothing in them but a loopback that is up."""
import os
import subprocess


def holders(inode):
    """Processes that live in a network namespace or hold it open."""
    found, wanted = set(), f"net:[{inode}]"
    for pid in filter(str.isdigit, os.listdir("/proc")):
        links = [f"/proc/{pid}/ns/net"]
        try:
            links += [f"/proc/{pid}/fd/{fd}" for fd in os.listdir(f"/proc/{pid}/fd")]
        except OSError:
            pass  # gone, or not ours to look at
        for link in links:
            try:
                if os.readlink(link) == wanted:
                    found.add(int(pid))
            except OSError:
                pass
    return found


class Netns:
    def __init__(self, stage):
        """Lives as long as a process of it: one that sleeps, outside the guarded cgroup."""
        self.keeper = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec sleep infinity"],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        if self.keeper.stdout.readline() != "up\n":
            raise AssertionError("no network namespace could be made")
        stage.at_end(self.end)

    @property
    def path(self):
        return f"/proc/{self.keeper.pid}/ns/net"

    @property
    def enter(self):
        return ["nsenter", f"--net={self.path}"]

    @property
    def inode(self):
        return os.stat(self.path).st_ino

    def end(self):
        if self.keeper.poll() is None:
            self.keeper.kill()
            self.keeper.wait()
