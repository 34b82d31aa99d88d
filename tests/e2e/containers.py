#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A process in a container is named by what its runtime wrote down; a cgroup that only bears a container's name is not.
Real containers of podman and runc; the state folders of the other runtimes are tests/unit/attribution's."""
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from rig import Report, Stage, check, equal, namespace, samples  # noqa: E402
from rig.agent import field  # noqa: E402
from rig.process import wait_until  # noqa: E402
from rig.runtime import IMAGE, Runtime  # noqa: E402

CHAT = "https://api.openai.com/v1/chat/completions"
BODY = json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": samples.HARMLESS}]})
POLICY = """\
apiVersion: egresswarden/v1
kind: PolicyBundle
metadata: { name: containers, version: "1" }
spec:
  defaults: { decision: block, mode: enforce, on_unreadable: block }
  rules:
    - id: client-image-may
      effect: allow
      when: { identity: { container.image: [localhost/ew/client:1] } }
    - id: shop-pods-may
      effect: allow
      when: { identity: { pod: { namespace: shop } } }
"""
POD = "0b5f2f6e-8c7a-4a3e-9d54-3f0a6f1f6a11"
WORDS = ["--http1.1", "-sS", "--max-time", "20", "--cacert", "/mnt/roots.pem", "-o", "/dev/null", "-w", "%{http_code}", "-d", BODY, CHAT]

with Stage("containers") as stage, Report("containers") as report:
    double = stage.double()
    runtime = Runtime(stage)
    agent = stage.agent(POLICY, identity={"runtime_root": runtime.host})
    with report.case("the agent starts, the image is imported", fatal=True):
        agent.start()
        digest = runtime.import_image()
    guarded = stage.guard(agent)
    mounts = {guarded.ca: "/mnt/roots.pem"}

    def newest(mark):
        return wait_until(lambda: agent.records("decision")[mark:], 5, "a decision record")[-1]

    def decided():
        return len(agent.records("decision"))

    with report.case("podman: image, digest, name and runtime are recorded, and decide", fatal=True):
        container = runtime.start("ew-client", mounts)
        mark = decided()
        equal(runtime.inside("ew-client", ["curl", *WORDS]), "200", "status")
        record = newest(mark)
        got = {name: field(record, f"container.{name}") for name in ("id", "runtime", "name", "image", "image_digest")}
        equal(got, {"id": container, "runtime": "podman", "name": "ew-client", "image": IMAGE, "image_digest": digest}, "container")
        equal([name for name in field(record, "proc.unresolved") or [] if "label" not in name], [], "unresolved facts")
        check("client-image-may" in field(record, "pol.rules"), f"rules: {field(record, 'pol.rules')}")
    with report.case("outside of any container there is none, and nothing is unresolved about it"):
        mark = decided()
        equal(guarded.curl(CHAT, BODY).status, 400, "status")
        record = newest(mark)
        equal(field(record, "container"), None, "container")
        equal(field(record, "proc.unresolved"), None, "unresolved facts")

    def forge(owner, name):
        """A cgroup that the user was given and in which he made one with a container's name."""
        given = stage.guarded.child(f"given-to-{owner}")
        made = given.child(name)
        for cgroup in (given, made):
            os.chown(cgroup.path, stage.users[owner], -1)
        return f"given-to-{owner}/{name}"

    for name in (f"libpod-{container}", f"docker-{container}.scope", f"cri-containerd-{container}.scope", f"docker-{'b' * 64}.scope"):
        with report.case(f"a forged name is not believed: {name[:24]}..."):
            mark = decided()
            answer = guarded.as_user("ew-bob").inside(forge("ew-bob", name)).curl(CHAT, BODY)
            equal(answer.status, 400, f"status ({answer})")
            record = newest(mark)
            equal(field(record, "container"), None, "container")
            check("container.id" in field(record, "proc.unresolved"), f"unresolved: {field(record, 'proc.unresolved')}")
    with report.case("runc as containerd's shim for a kubelet: pod and container by the bundle's notes"):
        identity = os.urandom(32).hex()
        # The bundle is named by its path on the host, which is `runtime_root`.
        (runtime.host / "run/containerd").mkdir(parents=True, exist_ok=True)
        os.makedirs("/run/containerd", exist_ok=True)
        namespace.mount("--bind", runtime.host / "run/containerd", "/run/containerd")
        stage.at_end(lambda: namespace.drop("/run/containerd"))
        notes = {"io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.container-name": "web", "io.kubernetes.cri.image-name": "registry.example/web:1",
                 "io.kubernetes.cri.sandbox-name": "web-7d", "io.kubernetes.cri.sandbox-namespace": "shop", "io.kubernetes.cri.sandbox-uid": POD}
        mark = decided()
        done = runtime.runc("/run/containerd/runc/k8s.io", identity, f"{stage.guarded.below_mount}/kubepods/burstable/pod{POD}/{identity}", ["curl", *WORDS], notes,
                            mounts, pathlib.Path("/run/containerd/io.containerd.runtime.v2.task/k8s.io") / identity)
        equal(done.stdout, b"200", f"status ({done.stderr[-300:]})")
        record = newest(mark)
        equal({name: field(record, f"container.{name}") for name in ("id", "runtime", "name", "image")},
              {"id": identity, "runtime": "containerd", "name": "web", "image": "registry.example/web:1"}, "container")
        equal({name: field(record, f"pod.{name}") for name in ("uid", "ns", "name")}, {"uid": POD, "ns": "shop", "name": "web-7d"}, "pod")
        check("pod.service_account" in field(record, "proc.unresolved"), "the service account is known to the API server alone")
