# SPDX-License-Identifier: Apache-2.0
"""A mount namespace of the suite's own, in which provider names lead to loopback, test users exist and the trust store
is a copy. The host's files stay as they are, and all of it ends with the last process of the suite."""
import os
import pathlib
import shutil
import subprocess
import sys

MARK = "EGRESSWARDEN_TEST_NAMESPACE"


def enter():
    """Runs this script again inside a new mount namespace; returns only there."""
    if os.environ.get(MARK) == "inside":
        return
    if os.geteuid() != 0:
        sys.exit("this test needs root: it makes cgroups and loads BPF programs")
    os.environ[MARK] = "inside"
    os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv])


def mount(*words):
    subprocess.run(["mount", *map(str, words)], check=True)


def lay_over(target, text, folder):
    copy = pathlib.Path(folder) / target.strip("/").replace("/", "_")
    laid = copy.exists()
    copy.write_text(text)
    copy.chmod(0o644)
    if not laid:
        mount("--bind", copy, target)


def set_hosts(folder, addresses):
    """addresses: {name: loopback address}. May be called again."""
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost"]
    lines += [f"{address} {name}" for name, address in addresses.items()]
    lay_over("/etc/hosts", "\n".join(lines) + "\n", folder)


def add_users(folder, users):
    """users: {name: uid}; each gets a group of its own name and number."""
    passwd = pathlib.Path("/etc/passwd").read_text()
    group = pathlib.Path("/etc/group").read_text()
    for name, uid in users.items():
        passwd += f"{name}:x:{uid}:{uid}::/nonexistent:/usr/sbin/nologin\n"
        group += f"{name}:x:{uid}:\n"
    lay_over("/etc/passwd", passwd, folder)
    lay_over("/etc/group", group, folder)


def private_trust_store(folder):
    """What update-ca-certificates writes goes to copies."""
    for target in ("/etc/ssl/certs", "/usr/local/share", "/etc/ca-certificates"):
        os.makedirs(target, exist_ok=True)
        copy = pathlib.Path(folder) / ("copy" + target.replace("/", "_"))
        shutil.copytree(target, copy, symlinks=True)
        mount("--bind", copy, target)


def private_bpffs(folder):
    """Pins of the suite: a BPF file system that nobody else sees and that dies with the namespace."""
    point = pathlib.Path(folder) / "bpf"
    point.mkdir()
    mount("-t", "bpf", "bpf", point)
    return point


def drop(point):
    subprocess.run(["umount", "--lazy", point], check=False)
