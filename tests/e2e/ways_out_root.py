#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ways out that lead around the guard itself: other cgroups, other network namespaces, the agent's own port, its pins and its
programs. An ordinary user gets nowhere; what root does is refused, undone or at least told, by a record that names the process."""
import hashlib
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from rig import Report, Stage, check, equal, samples  # noqa: E402
from rig.agent import field  # noqa: E402
from rig.netns import Netns  # noqa: E402
from rig.process import wait_until  # noqa: E402
from rig.ways import NAME, Ways  # noqa: E402

USERS = ("ew-alice", "root")
PYTHON_SHA256 = hashlib.sha256(pathlib.Path("/usr/bin/python3").read_bytes()).hexdigest()
CHAT = f"https://{NAME}/v1/chat/completions"


class Link:
    """Two network namespaces and a pair of virtual Ethernet devices between them: a container's, and the world's."""

    def __init__(self, stage):
        self.inside, self.world = Netns(stage), Netns(stage)
        self.provider = "198.18.0.1"
        here, there = self.inside.enter, self.world.enter
        for argv in ([*here, "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", str(self.world.keeper.pid)],
                     [*here, "ip", "address", "add", "198.18.0.2/30", "dev", "eth0"], [*here, "ip", "link", "set", "eth0", "up"],
                     [*there, "ip", "address", "add", f"{self.provider}/30", "dev", "eth0"], [*there, "ip", "link", "set", "eth0", "up"]):
            subprocess.run(argv, check=True)


with Stage("ways_root") as stage, Report("ways_out_root") as report:
    link = Link(stage)
    double = stage.double(names=[NAME, "api.anthropic.com"])
    remote = stage.double({f"{link.provider}:443": "good"}, within=link.world.enter)
    known = stage.addresses[NAME]
    agent = stage.agent(samples.POLICY)
    ways = Ways(stage, double, agent, others=[remote])
    with report.case("the agent starts", fatal=True):
        agent.start()
    pins = agent.config["bpffs_dir"]

    def named(reason):
        record = agent.records("flow", net__reason=reason)[-1]
        equal((field(record, "proc.comm"), field(record, "proc.exe_sha256"), field(record, "user.uid")), ("python3", PYTHON_SHA256, 0), f"whom the record of {reason} names")

    def calls_are_intercepted_again():
        body = '{"model": "gpt-5", "messages": []}'
        wait_until(lambda: stage.guard(agent).curl(CHAT, body).status == 200, 5, "calls are intercepted")
        mark = len(agent.records("decision"))
        equal(stage.guard(agent).curl(CHAT, body).status, 200, "status")
        equal(len(agent.records("decision")), mark + 1, "decisions")

    with report.case("to another cgroup of the tree, which the user was given: intercepted"):
        given = stage.guarded.child("given")
        for cgroup in (given, given.child("there")):
            os.chown(cgroup.path, stage.users["ew-alice"], -1)
            os.chown(cgroup.path / "cgroup.procs", stage.users["ew-alice"], -1)
        # systemd gives a user the cgroup that he is in.
        outcome, came, made, said = ways.attempt("another_cgroup", "ew-alice", known, 443, "in the tree", given.child("there").path, place=stage.guard(agent).inside("given"))
        equal(outcome, "intercepted", f"outcome ({said}; {made})")
    with report.case("to a cgroup outside the tree, as an ordinary user: not possible"):
        outcome, came, made, said = ways.attempt("another_cgroup", "ew-alice", known, 443, "outside", stage.outside.path)
        equal((came, said), (0, "PermissionError 13"), f"bytes and what the kernel said ({made})")
        outcome, came, made, said = ways.attempt("born_in_another_cgroup", "ew-alice", known, 443, "outside", stage.outside.path)
        equal((came, said), (0, "PermissionError 13"), f"bytes and what the kernel said ({made})")
    for way in ("another_cgroup", "born_in_another_cgroup"):
        with report.case(f"{way}, outside the tree, as root: told"):
            outcome, came, made, said = ways.attempt(way, "root", known, 443, "outside", stage.outside.path)
            equal((outcome, made), ("alert", ["flow observed left_guarded_tree"]), f"outcome and records ({said})")
            named("left_guarded_tree")
    with report.case("who comes and goes outside the tree is nobody's business"):
        mark = len(agent.records("flow"))
        stage.direct().run(["sh", "-c", f"echo 0 > {stage.base.path}/cgroup.procs; true"])
        equal(len(agent.records("flow")), mark, "flow records")
    for user in USERS:
        with report.case(f"a network namespace of its own, as {user}: nothing but the agent is there"):
            outcome, came, made, said = ways.attempt("own_namespace", user, known, 443, "fresh netns")
            check(came == 0 and outcome in ("intercepted", "refused"), f"{outcome}, {came} bytes ({said}; {made})")
        with report.case(f"a network namespace with a link to the provider, as {user}"):
            place = stage.guard(agent)
            place.cgroup = stage.guarded.entering(*link.inside.enter)
            first, came, made, said = ways.attempt("connect", user, link.provider, 443, "netns with a link", place=place)
            wanted = ("refused", 0) if user == "ew-alice" else ("intercepted", came)
            equal((first, came), wanted, f"outcome and bytes ({said}; {made})")
            again, came, made, said = ways.attempt("connect", user, link.provider, 443, "netns with a link, again", place=place)
            equal(again, "intercepted", f"outcome of the next attempt ({said}; {made})")
            check(came > 0, "the provider was not dialled from there")
    with report.case("the pins removed, by an ordinary user: not possible"):
        outcome, came, made, said = ways.attempt("pins_removed", "ew-alice", known, 443, "", pins)
        equal((came, said), (0, "PermissionError 13"), f"bytes and what the kernel said ({made})")
    with report.case("the pins removed, by root: without effect, and told"):
        outcome, came, made, said = ways.attempt("pins_removed", "root", known, 443, "", pins)
        equal(sorted(set(made)), ["decision allow", "flow observed pins_removed"], f"records ({said})")
        named("pins_removed")
        check(len(list(pathlib.Path(pins, "links").iterdir())) > 10, "the pins are not there again")
        check(agent.metric("tampering_total", what="pins_removed") >= 1, "not counted")
    with report.case("bpftool cgroup detach, by root: the kernel refuses"):
        outcome, came, made, said = ways.attempt("detached_from_cgroup", "root", known, 443, "", stage.guarded.path)
        check(said.startswith("0 of 1"), said)
        equal(outcome, "intercepted", f"outcome ({said}; {made})")
    with report.case("bpftool link detach of each program, by root: attached again at the next beat, and told"):
        outcome, came, made, said = ways.attempt("programs_detached", "root", known, 443, "", pins)
        wait_until(lambda: agent.records("flow", net__reason="programs_detached"), 3, "a record")
        calls_are_intercepted_again()
    with report.case("SIGKILL to the agent, and its port taken"):
        port = agent.json("status")[0]["guard"]["port"]
        agent.kill9()
        for user in USERS:
            outcome, came, made, said = ways.attempt("listener_taken", user, "127.0.0.1", port, "the agent's port")
            equal(said, "PermissionError 1", f"what the kernel said ({made})")
            outcome, came, made, said = ways.attempt("connect", user, known, 443, "no agent")
            equal(came, 0, f"bytes ({said})")
    with report.case("no byte reached the provider unrecorded, but by those of root's acts that a record tells"):
        ways.check_nothing_escaped()
    ways.print()
