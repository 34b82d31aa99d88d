# SPDX-License-Identifier: Apache-2.0
"""Real containers of podman and runc below a stage's guarded cgroup, with all their state below one folder, which stands for
the host's root: `identity.runtime_root` of the agent under test."""
import json
import pathlib
import re
import shutil
import subprocess
import tempfile

from .process import run

IMAGE = "localhost/ew/client:1"


def programs(root, names):
    """Copies programs and the libraries they are linked with."""
    for name in names:
        path = shutil.which(name)
        linked = subprocess.run(["ldd", path], capture_output=True, text=True).stdout
        for file in [path, *re.findall(r"(/\S+) \(0x", linked)]:
            target = root / file.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(pathlib.Path(file).resolve(), target)
            target.chmod(0o755)


class Runtime:
    def __init__(self, stage):
        self.stage = stage
        self.host = stage.folder / "host"
        self.rootfs = stage.folder / "rootfs"
        for folder in ("etc", "proc", "sys", "dev", "tmp", "mnt"):
            (self.rootfs / folder).mkdir(parents=True)
        programs(self.rootfs, ["curl", "sh", "sleep"])
        (self.rootfs / "bin").mkdir(exist_ok=True)
        for name in ("sh", "sleep"):
            if not (self.rootfs / "bin" / name).exists():
                (self.rootfs / "bin" / name).symlink_to(shutil.which(name))
        (self.rootfs / "etc/hosts").write_text(pathlib.Path("/etc/hosts").read_text())
        self.names = []
        # podman takes no longer path than 50 bytes for what it keeps while containers run.
        self.running = pathlib.Path(tempfile.mkdtemp(prefix="ew-run-", dir="/tmp"))
        stage.at_end(self.remove)

    def podman(self, *words, ok=True):
        argv = ["podman", "--root", self.host / "var/lib/containers/storage", "--runroot", self.running / "storage", "--tmpdir", self.running / "libpod",
                "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "none", "--runtime", "runc",
                "--runtime-flag", f"root={self.host / 'run/runc'}", *words]
        done = run(argv, env={"HOME": self.stage.folder}, timeout_s=120)
        if ok and done.returncode != 0:
            raise AssertionError(f"podman {' '.join(map(str, words))}: {done.stderr.decode(errors='replace')[-400:]}")
        return done.stdout.decode().strip()

    def import_image(self):
        archive = self.stage.folder / "rootfs.tar"
        subprocess.run(["tar", "-C", self.rootfs, "-cf", archive, "."], check=True)
        self.podman("import", "-m", "test", archive, IMAGE)
        return self.podman("image", "inspect", IMAGE, "-f", "{{.Digest}}")

    def start(self, name, mounts, parent=None):
        """A podman container that sleeps; calls are made in it by `inside`. The network is the host's, where the providers are."""
        volumes = [word for source, target in mounts.items() for word in ("-v", f"{source}:{target}:ro")]
        self.names.append(name)
        return self.podman("run", "-d", "--name", name, "--label", "team=search", "--network", "host", "--no-hosts", "--ulimit", "nofile=512:512",
                           "--ulimit", "nproc=500:500", "--cgroup-parent", (parent or self.stage.guarded).below_mount, *volumes, IMAGE, "/bin/sleep", "600")

    def inside(self, name, argv):
        words = ["exec", name, *argv]
        return self.podman(*words, ok=False)

    def runc(self, root, identity, cgroup, argv, annotations, mounts, bundle):
        """A container that runs `argv` to its end, started by runc itself as a runtime's shim does."""
        capabilities = ["CAP_DAC_OVERRIDE"]
        spec = {
            "ociVersion": "1.0.2", "root": {"path": str(self.rootfs)}, "annotations": annotations,
            "process": {"args": [str(word) for word in argv], "cwd": "/", "user": {"uid": 0, "gid": 0}, "env": ["PATH=/usr/bin:/bin"],
                        "capabilities": {kind: capabilities for kind in ("bounding", "effective", "permitted")}},
            "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                       {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
                       *({"destination": str(target), "type": "bind", "source": str(source), "options": ["bind", "ro"]} for source, target in mounts.items())],
            "linux": {"namespaces": [{"type": kind} for kind in ("mount", "ipc", "uts", "pid")], "cgroupsPath": cgroup},
        }
        bundle.mkdir(parents=True)
        (bundle / "config.json").write_text(json.dumps(spec))
        return run(["runc", "--root", root, "run", "--bundle", bundle, identity], timeout_s=60)

    def remove(self):
        for name in self.names:
            self.podman("rm", "-f", "-t", "0", name, ok=False)
        shutil.rmtree(self.running, ignore_errors=True)
