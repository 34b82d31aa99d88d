#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A client in a container of its own is intercepted and named as on the bare host: by the container, by its pid on the host, and
by the file that it executes there."""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from rig import Report, Stage, check, equal, samples  # noqa: E402
from rig.agent import field  # noqa: E402
from rig.client_container import IMAGE  # noqa: E402
from rig.process import command, environment, pid_of  # noqa: E402

CHAT = "https://api.openai.com/v1/chat/completions"
BODY = json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": samples.HARMLESS}]})
KINDS = ["mnt", "pid", "net", "ipc", "uts"]


def digest(path):
    return hashlib.sha256(pathlib.Path(path).resolve().read_bytes()).hexdigest()


with Stage("in_container", slices=True, clients_in="container") as stage, Report("in_container") as report:
    double = stage.double()
    agent = stage.agent(samples.POLICY)
    with report.case("the agent starts", fatal=True):
        agent.start()
    guarded = stage.guard(agent)
    curl = shutil.which("curl")

    def call(program, *words, user="ew-alice"):
        """-> (status, the decision record, the pid)"""
        argv = command([program, "-sS", "--http1.1", "-o", "/dev/null", "-w", "%{http_code}", "-d", BODY, *words, CHAT], stage.guarded, stage.users[user])
        child = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
        status, complaint = child.communicate(timeout=30)
        records = agent.records("decision", proc__pid=pid_of(child))
        equal(len(records), 1, f"decision records of pid {pid_of(child)} ({status} {complaint})")
        return status, records[0]

    with report.case("the container has namespaces and a root of its own", fatal=True):
        own = {kind: os.readlink(f"/proc/self/ns/{kind}") for kind in KINDS}
        lines = guarded.run(["sh", "-c", f"for kind in {' '.join(KINDS)}; do readlink /proc/self/ns/$kind; done; ls /work /home 2>&1; cat /etc/group; stat -fc %T /usr/bin/python3"]).stdout
        inside = dict(zip(KINDS, lines.decode().splitlines()))
        equal([kind for kind in KINDS if inside[kind] == own[kind]], [], "namespaces shared with the agent")
        equal(lines.decode().splitlines()[len(KINDS):][-1], "overlayfs", "file system of its executables")
        check("ew-alice" not in lines.decode(), "the host's accounts are the image's")
    with report.case("trusts what was baked into its image, with nothing in its environment"):
        status, record = call("curl")
        equal(status, b"200", "status")
    with report.case("the record names the container, its runtime and image, the user, and the executable of the image"):
        container = stage.containers.running[stage.guarded.path]
        equal({name: field(record, f"container.{name}") for name in ("id", "runtime", "name", "image")},
              {"id": container, "runtime": "containerd", "name": "client", "image": IMAGE}, "container")
        check(digest(curl) != digest(stage.seen_by_clients(curl)), "the image's curl is the host's")
        equal(field(record, "proc.exe_sha256"), digest(stage.seen_by_clients(curl)), "digest of the executable")
        equal([field(record, f"user.{name}") for name in ("uid", "gid")], [stage.users["ew-alice"]] * 2, "user")
        unresolved = [name for name in field(record, "proc.unresolved") or []]
        equal(sorted(set(unresolved) - {"container.image_digest", "container.labels"}), [], "unresolved facts")
    with report.case("a program that only the lower layer has"):
        python = "/usr/bin/python3"
        done = guarded.as_user("ew-bob").run([python, "-c", f"import urllib.request as u; print(u.urlopen(u.Request('{CHAT}', data=b'{BODY}', headers={{'content-type': 'application/json'}})).status)"])
        equal(done.stdout.strip(), b"200", f"status ({done.stderr[-300:]})")
        record = agent.records("decision", proc__pid=pid_of(done))[0]
        equal(field(record, "proc.exe_sha256"), digest(stage.seen_by_clients(python)), "digest of the executable")
        equal(field(record, "user.uid"), stage.users["ew-bob"], "user")
    with report.case("a program that the container itself has written"):
        stage.guarded.containers.runc("exec", container, "sh", "-c", f"cp {curl} /usr/bin/mine; echo more >> /usr/bin/mine; chmod 755 /usr/bin/mine")
        status, record = call("/usr/bin/mine")
        equal(status, b"200", "status")
        equal(field(record, "proc.exe_sha256"), digest(stage.seen_by_clients("/usr/bin/mine")), "digest of the executable")
    with report.case("two containers are told apart"):
        other = guarded.inside("another")
        equal(other.curl(CHAT, BODY).status, 200, "status")
        seen = field(agent.records("decision")[-1], "container.id")
        check(seen not in (None, container) and seen == stage.containers.running[other.cgroup.path], f"container {seen}")
    with report.case("blocked there as anywhere, and the log verifies"):
        mark = double.seen()
        equal(guarded.curl(CHAT, json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": samples.secret_prompt()}]})).status, 400, "status")
        equal(double.seen(), mark, "requests at the double")
        agent.verify()
