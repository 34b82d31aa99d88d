# SPDX-License-Identifier: Apache-2.0
"""Clients in containers of runc: mount, pid, network, ipc and uts namespaces of their own, a root file system of their own, and
a cgroup of their own where a runtime would put it. One container for each cgroup that clients are started in; each client is
started in it as `runc exec` does, which takes some 30 ms.

The image is an overlay: a layer with its own /etc and its own curl, and below it the machine's files. The host's authority is
baked into its trust store, as an operator would do whose agent is not to mount one."""
import itertools
import json
import os
import pathlib
import shutil
import subprocess
import threading

from . import namespace
from .cgroup import Cgroup

ENTER = pathlib.Path(__file__).resolve().parent / "enter_container"
ROOT = pathlib.Path(__file__).resolve().parents[3]
RUN = pathlib.Path("/run/containerd")
IMAGE = "registry.example/ew/clients:1"
# What is copied of the machine's /etc; the rest an image has no business with.
ETC = ["ssl", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "nsswitch.conf", "python3"]
HIDDEN = ["etc", "home", "mnt", "opt", "root", "run", "srv", "tmp", "work"]
# What runtimes give by default.
CAPABILITIES = ["CAP_" + name for name in ("CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE "
                                           "SYS_CHROOT KILL AUDIT_WRITE").split()]


class Image:
    """A root file system, `root`, made when the first container needs it: by then the authority is there."""

    def __init__(self, stage):
        self.stage = stage
        self.layers = stage.folder / "image"
        self.root = stage.folder / "image-root"
        self.layers.mkdir()
        self.root.mkdir()
        # Layers must not lie below what they are laid over, which is this machine's /.
        namespace.mount("-t", "tmpfs", "-o", "mode=0755", "image", self.layers)
        self.built = False

    def inside(self, path):
        """The file that a client in the container finds at `path`, as the host sees it."""
        self.build()
        path = pathlib.Path(path)
        if path.is_relative_to(self.stage.folder):
            return path
        return self.root / path.resolve().relative_to("/")

    def build(self):
        if self.built:
            return
        self.built = True
        layer = self.layers / "layer"
        for name in HIDDEN:
            (layer / name).mkdir(parents=True)
            os.setxattr(layer / name, "trusted.overlay.opaque", b"y")
        for name in ETC:
            source = pathlib.Path("/etc") / name
            if source.is_dir():
                shutil.copytree(source, layer / "etc" / name, symlinks=True)
            elif source.exists():
                shutil.copy(source, layer / "etc" / name)
        (layer / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n")
        (layer / "etc/group").write_text("root:x:0:\nnogroup:x:65534:\n")
        (layer / "etc/hosts").touch()
        (layer / "etc/resolv.conf").symlink_to(self.stage.folder / "etc_resolv.conf")
        self.bake_trust(layer / "etc/ssl/certs/ca-certificates.crt")
        self.own_curl(layer)
        for name in ("upper", "work"):
            (self.layers / name).mkdir()
        namespace.mount("-t", "overlay", "-o", f"lowerdir={layer}:/,upperdir={self.layers / 'upper'},workdir={self.layers / 'work'}", "image", self.root)

    def bake_trust(self, bundle):
        roots = sorted(self.stage.folder.glob("agent-*/trust/**/root.pem"))
        if bundle.is_symlink():
            raise AssertionError(f"{bundle} leads out of the image")
        with open(bundle, "a") as file:
            file.writelines(root.read_text() for root in roots)

    @staticmethod
    def own_curl(layer):
        """The image's curl is another build than the host's: who hashes the host's file is found out."""
        curl = pathlib.Path(shutil.which("curl")).resolve()
        target = layer / curl.relative_to("/")
        target.parent.mkdir(parents=True)
        shutil.copy(curl, target)
        with open(target, "ab") as file:
            file.write(b"the image's own build")

    def remove(self):
        namespace.drop(self.root)
        namespace.drop(self.layers)


class Containers:
    """All containers of a stage. Their state lies below `host`, which stands for the host's root: `identity.runtime_root`."""

    def __init__(self, stage, netns):
        self.stage, self.netns = stage, netns
        self.image = Image(stage)
        self.host = stage.folder / "host"
        self.pids = stage.folder / "pids"
        self.numbers = itertools.count()
        for folder in (self.host / "run/containerd", self.pids, RUN):
            folder.mkdir(parents=True, exist_ok=True)
        # The runtime's files go by their path on the host, which is what `runtime_root` stands for.
        namespace.mount("--bind", self.host / "run/containerd", RUN)
        self.state = RUN / "runc/k8s.io"
        self.running = {}  # cgroup path -> container id
        self.lock = threading.Lock()
        stage.at_end(self.remove)

    def id_for(self, cgroup):
        with self.lock:
            if cgroup.path not in self.running or not cgroup.path.exists():
                self.running[cgroup.path] = self.start(cgroup)
            return self.running[cgroup.path]

    def start(self, cgroup):
        self.image.build()
        identity = os.urandom(32).hex()
        bundle = RUN / "io.containerd.runtime.v2.task/k8s.io" / identity
        bundle.mkdir(parents=True)
        (bundle / "config.json").write_text(json.dumps(self.spec(cgroup, identity)))
        log = bundle / "log"
        done = self.runc("run", "--detach", "--bundle", bundle, identity, stdout=subprocess.DEVNULL, stderr=open(log, "wb"))
        if done.returncode != 0:
            raise AssertionError(f"runc: {log.read_text()[-400:]}")
        return identity

    def runc(self, *words, **more):
        return subprocess.run(["runc", "--root", self.state, *words], stdin=subprocess.DEVNULL, timeout=60, check=False, **more)

    def spec(self, cgroup, identity):
        def bind(source, target, *options):
            return {"destination": str(target), "type": "bind", "source": str(source), "options": ["bind", "ro", *options]}

        clients, folder = ROOT / "build/clients", self.stage.folder
        return {
            "ociVersion": "1.0.2", "hostname": identity[:12], "root": {"path": str(self.image.root)},
            "process": {"args": ["/bin/sleep", "infinity"], "cwd": "/", "user": {"uid": 0, "gid": 0}, "env": ["PATH=/usr/bin:/bin"], "noNewPrivileges": False,
                        "capabilities": {kind: CAPABILITIES for kind in ("bounding", "effective", "permitted")}},
            "annotations": {"io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.container-name": "client", "io.kubernetes.cri.image-name": IMAGE},
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
                {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "mode=1777"]},
                # What a volume brings: the tests' own files, under the names by which they are called.
                bind(folder, folder), bind(ROOT / "tests/support", ROOT / "tests/support"), bind(clients.resolve(), clients),
                bind(folder / "etc_hosts", "/etc/hosts")],
            "linux": {"cgroupsPath": f"{cgroup.below_mount}/cri-containerd-{identity}.scope",
                      "namespaces": [*({"type": kind} for kind in ("mount", "ipc", "uts", "pid")), {"type": "network", "path": self.netns.path}]},
        }

    def words(self, cgroup):
        """To be put before a client's command line."""
        number = self.pids / str(next(self.numbers))
        return ["/usr/bin/python3", "-IS", ENTER, self.state, self.id_for(cgroup), "--pid-file", number]

    def remove(self):
        for identity in self.running.values():
            self.runc("delete", "--force", identity, stderr=subprocess.DEVNULL)
        namespace.drop(RUN)
        self.image.remove()


class ContainerCgroup(Cgroup):
    """A cgroup whose processes live in a container of it."""

    def __init__(self, path, containers):
        super().__init__(path)
        self.containers = containers

    def child(self, name):
        return ContainerCgroup(self.path / name, self.containers)

    def started(self, words):
        return [str(word) for word in self.containers.words(self)] + words
