#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A process in a pod's cgroup is named by what the API server says of that pod. The API server is a double (rig/apiserver.py);
the pods' processes are real, in cgroups that are named as a kubelet names them."""
import json
import os
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from rig import Report, Stage, check, equal, samples  # noqa: E402
from rig.agent import field  # noqa: E402
from rig.apiserver import ApiServerDouble, pod  # noqa: E402
from rig.process import wait_until  # noqa: E402

CHAT = "https://api.openai.com/v1/chat/completions"
BODY = json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": samples.HARMLESS}]})
POLICY = """\
apiVersion: egresswarden/v1
kind: PolicyBundle
metadata: { name: kubernetes, version: "1" }
spec:
  defaults: { decision: block, mode: enforce, on_unreadable: block }
  rules:
    - id: shop-assistants-may
      effect: allow
      when: { identity: { pod: { namespace: shop, service_account: assistant } } }
    - id: frozen
      effect: block
      when: { identity: { pod.label.frozen: "yes" } }
"""


def uid(number):
    return f"{number:08x}-8c7a-4a3e-9d54-3f0a6f1f6a11"


with Stage("kubernetes") as stage, Report("kubernetes") as report:
    double = stage.double()
    api = ApiServerDouble(stage.folder / "apiserver")
    stage.at_end(api.end)
    container = os.urandom(32).hex()
    web = pod("shop", "web-7d-x", uid(1), "assistant", {"app": "web", "team": "search"}, "ReplicaSet/web-7d",
              [(container, "web", "registry.example/web:1", "sha256:" + "2" * 64)])
    for number in range(2, 7):
        api.put(pod("other", f"filler-{number}", uid(number)))
    api.put(web)
    agent = stage.agent(POLICY, identity={"kubernetes": api.config, "runtime_root": stage.folder / "host"})
    (stage.folder / "host").mkdir()
    with report.case("the agent starts", fatal=True):
        agent.start()
    guarded = stage.guard(agent)

    def call(number, inner=container):
        """A call from the pod's cgroup -> its answer's status and its record."""
        mark = len(agent.records("decision"))
        answer = guarded.inside(f"kubepods/burstable/pod{uid(number)}/{inner}").curl(CHAT, BODY)
        return answer.status, wait_until(lambda: agent.records("decision")[mark:], 5, "a decision record")[-1]

    def unresolved(record):
        return [name for name in field(record, "proc.unresolved") or [] if name.startswith("pod.")]

    with report.case("namespace, name, service account, owner, image digest are recorded, and decide", fatal=True):
        status, record = call(1)
        equal(status, 200, "status")
        equal({name: field(record, f"pod.{name}") for name in ("uid", "ns", "name", "sa", "owner")},
              {"uid": uid(1), "ns": "shop", "name": "web-7d-x", "sa": "assistant", "owner": "ReplicaSet/web-7d"}, "pod")
        equal({name: field(record, f"container.{name}") for name in ("id", "name", "image", "image_digest")},
              {"id": container, "name": "web", "image": "registry.example/web:1", "image_digest": "sha256:" + "2" * 64}, "container")
        equal(unresolved(record), [], "unresolved facts")
        check(any("continue" in query for query in api.requests("list")), "the list did not come in pages")
    with report.case("a label that changes is known from the watch"):
        web["metadata"]["labels"]["frozen"] = "yes"
        api.put(web)
        time.sleep(0.5)
        equal(call(1)[0], 400, "status")
        del web["metadata"]["labels"]["frozen"]
        api.put(web)
        time.sleep(0.5)
        equal(call(1)[0], 200, "status")
        equal(len(api.requests("watch")), 1, "watches so far")
    with report.case("a pod that the server tells of a second later is waited for"):
        late = pod("shop", "late", uid(20), "assistant")
        threading.Timer(1, lambda: api.put(late)).start()
        status, record = call(20)
        equal((status, field(record, "pod.name")), (200, "late"), "status and pod")
    with report.case("one that it never tells of is unresolved after a bounded time, and a block rule that needs it holds"):
        began = time.monotonic()
        status, record = call(30)
        took = time.monotonic() - began
        check(2 <= took < 6, f"waited {took:.1f} s")
        equal((status, field(record, "pod.uid"), field(record, "pod.name")), (400, uid(30), None), "status and pod")
        equal(unresolved(record), ["pod.namespace", "pod.name", "pod.service_account", "pod.owner"], "unresolved facts")
        check("unresolved" in field(record, "dec.reason"), f"reason: {field(record, 'dec.reason')}")
    with report.case("a watch that ends is resumed from the version of the last bookmark, without a list"):
        lists = len(api.requests("list"))
        api.bookmark()
        version = str(api.version)
        time.sleep(0.3)
        api.drop_watches()
        wait_until(lambda: api.requests("watch")[-1]["resourceVersion"] == version, 10, "a watch from the bookmark")
        equal(len(api.requests("list")), lists, "lists")
        api.put(pod("shop", "after-resume", uid(40), "assistant"))
        equal(call(40)[0], 200, "status")
    with report.case("410 Gone: all is listed anew, and what went meanwhile is known"):
        lists = len(api.requests("list"))
        api.compact()
        api.pods[uid(50)] = pod("shop", "in-the-gap", uid(50), "assistant")
        api.drop_watches()
        wait_until(lambda: len(api.requests("list")) > lists, 10, "a new list")
        equal(call(50)[0], 200, "status")
    with report.case("the token is read again as it rotates"):
        api.change_token("token-2")
        api.drop_watches()
        api.put(pod("shop", "new-token", uid(60), "assistant"))
        equal(call(60)[0], 200, "status")
        check(len(api.requests("unauthorized")) == 0, "an old token was shown")
    with report.case("a forged pod cgroup is not believed, though the API server knows the pod"):
        given = stage.guarded.child("given")
        forged = given.child("kubepods").child(f"pod{uid(1)}").child(container)
        for folder in (given.path, *given.path.rglob("*/")):
            os.chown(folder, stage.users["ew-bob"], -1)
        mark = len(agent.records("decision"))
        answer = guarded.as_user("ew-bob").inside(f"given/kubepods/pod{uid(1)}/{container}").curl(CHAT, BODY)
        equal((answer.status, forged.path.exists()), (400, True), "status")
        record = wait_until(lambda: agent.records("decision")[mark:], 5, "a decision record")[-1]
        equal((field(record, "pod"), field(record, "container")), (None, None), "pod and container")
        check("pod.uid" in unresolved(record), f"unresolved: {unresolved(record)}")
    with report.case("an API server that is away: known pods stay known, others are unresolved"):
        api.end()
        equal(call(1)[0], 200, "status")
        equal(call(70)[0], 400, "status")
