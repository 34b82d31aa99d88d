# SPDX-License-Identifier: Apache-2.0
"""A container as a node would start it from a pod's manifest, by runc: capabilities, read-only root, mounts and host
namespaces are read from the manifest, so that what is tested is what is shipped."""
import json
import pathlib
import subprocess
import tarfile

from .process import Daemon, run

ROOT = pathlib.Path(__file__).resolve().parents[3]
# linux/capability.h, in order from 0
CAPABILITIES = ["CAP_" + name for name in (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE "
    "NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN "
    "SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE "
    "MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE").split()]


# What a container that is not privileged does not see of /proc and /sys, and what it may only read: the runtimes' defaults.
MASKED = ["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
          "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap"]
READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]


def manifests(node):
    """{kind: {name: document}} of packaging/kubernetes, all of which must satisfy the API's schemas."""
    support, modules = ROOT / "tests/support", ROOT / "build/manifests"
    subprocess.run([support / "npm-install", support / "manifests", modules], check=True, stdout=subprocess.DEVNULL)
    files = sorted((ROOT / "packaging/kubernetes").glob("*.yaml"))
    done = subprocess.run([node, support / "manifests/check.js", modules, *files], capture_output=True, text=True, check=True)
    found = {}
    for line in done.stdout.splitlines():
        document = json.loads(line)
        if document["error"]:
            raise AssertionError(f"{document['file']}: {document['kind']} {document['name']}: {document['error']}")
        found.setdefault(document["kind"], {})[document["name"]] = document["value"]
    return found


def unpack(archive, root):
    """Unpacks an OCI archive of one layer; -> its configuration."""
    folder = pathlib.Path(f"{root}.oci")
    with tarfile.open(archive) as tar:
        tar.extractall(folder)

    def blob(digest):
        return folder / "blobs" / digest.replace(":", "/")

    manifest = json.loads(blob(json.loads((folder / "index.json").read_text())["manifests"][0]["digest"]).read_text())
    if len(manifest["layers"]) != 1:
        raise AssertionError(f"{len(manifest['layers'])} layers: what one deletes, the one below still carries")
    pathlib.Path(root).mkdir()
    subprocess.run(["tar", "-C", root, "-xf", blob(manifest["layers"][0]["digest"])], check=True)
    return json.loads(blob(manifest["config"]["digest"]).read_text())


class Container:
    def __init__(self, stage, root, image, pod, name):
        self.stage, self.root, self.image, self.pod = stage, root, image, pod
        self.manifest = next(one for one in pod["containers"] if one["name"] == name)
        self.folder = stage.folder / "container"
        self.folder.mkdir()
        self.volumes = {}
        # runc keeps to cgroup v1 where both are mounted; in cgroup2 a container stays where it was started.
        self.cgroup = stage.base.child("pod")
        self.name = f"egresswarden-test-{stage.base.path.name.rsplit('-', 1)[1]}"
        self.process = None

    def volume(self, name, path):
        self.volumes[name] = pathlib.Path(path)

    def config_map(self, name, document):
        """Laid out as the kubelet does: every file a symlink into a folder that an update swaps."""
        top = self.folder / name
        (top / "..2026_11_02").mkdir(parents=True)
        (top / "..data").symlink_to("..2026_11_02")
        for key, text in document["data"].items():
            (top / "..data" / key).write_text(text)
            (top / key).symlink_to(f"..data/{key}")
        self.volumes[name] = top
        return top

    def mounts(self):
        kinds = {volume["name"]: volume for volume in self.pod["volumes"]}
        for mount in self.manifest["volumeMounts"]:
            if "emptyDir" in kinds[mount["name"]]:
                yield {"destination": mount["mountPath"], "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev"]}
                continue
            source = (self.volumes[mount["name"]] / mount.get("subPath", "")).resolve()
            yield {"destination": mount["mountPath"], "type": "bind", "source": str(source), "options": ["rbind", "ro" if mount.get("readOnly") else "rw"]}

    def bundle(self, argv, name):
        """The manifest in runc's words."""
        context = self.manifest["securityContext"]
        capabilities = [f"CAP_{one}" for one in context["capabilities"]["add"]]
        hosts = {"pid": "hostPID", "network": "hostNetwork"}
        # Where there is cgroup2 alone, runtimes give a container a cgroup namespace too.
        spaces = [kind for kind in ("mount", "ipc", "uts", "cgroup", "pid", "network") if not self.pod.get(hosts.get(kind, ""))]
        spec = {
            "ociVersion": "1.0.2", "hostname": "node", "root": {"path": str(self.root), "readonly": context["readOnlyRootFilesystem"]},
            "process": {
                "args": argv, "cwd": "/", "user": {"uid": context["runAsUser"], "gid": 0}, "noNewPrivileges": not context["allowPrivilegeEscalation"],
                "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "NODE_NAME=node"],
                "capabilities": {kind: capabilities for kind in ("bounding", "effective", "permitted")},
            },
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
                {"destination": "/sys", "type": "bind", "source": "/sys", "options": ["rbind", "ro"]},
                *self.mounts(),
            ],
            "linux": {"namespaces": [{"type": kind} for kind in spaces], "cgroupsPath": f"/{name}", "maskedPaths": MASKED, "readonlyPaths": READ_ONLY},
        }
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_text(json.dumps(spec))
        return ["runc", "--root", self.folder / "runc", "run", "--bundle", folder, name]

    def once(self, argv):
        return run(self.bundle(argv, self.name + "-once"), cgroup=self.cgroup)

    def start(self):
        argv = [*self.image["Entrypoint"], *self.manifest["args"]]
        self.process = Daemon(self.bundle(argv, self.name), self.folder / "log", cgroup=self.cgroup)
        self.stage.at_end(lambda: self.process.running() and self.stop(20))
        return self.process

    def runc(self, *words):
        return run(["runc", "--root", self.folder / "runc", *words])

    def inside(self, argv):
        return self.runc("exec", self.name, *argv)

    def leader(self):
        return json.loads(self.runc("state", self.name).stdout)["pid"]

    def stop(self, seconds):
        """SIGTERM, as the kubelet sends it; runc hands it on and ends with the container's status."""
        return self.process.end(seconds)
