#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clients in network namespaces of their own, as containers and pods are: intercepted there, attributed, and the provider
dialled from within; a namespace that ends is let go."""
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from rig import Report, Stage, check, equal, samples  # noqa: E402
from rig.agent import field  # noqa: E402
from rig.client import Place  # noqa: E402
from rig.netns import Netns, holders  # noqa: E402
from rig.process import command, environment, run, wait_until  # noqa: E402

CHAT = "https://api.openai.com/v1/chat/completions"
FRESH = 30
LONE_PROVIDER = pathlib.Path(__file__).resolve().parents[1] / "support/double/lone.py"


def body(text):
    return json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": text}]})


with Stage("netns") as stage, Report("netns") as report:
    inner = Netns(stage)
    # The provider exists in the namespace alone: an answer shows from where it was dialled.
    double = stage.double(within=inner.enter)
    agent = stage.agent(samples.POLICY)
    with report.case("the agent starts", fatal=True):
        agent.start()
    guarded = Place(stage, stage.guarded.entering(*inner.enter), agent.ca)

    def served():
        return agent.json("status")[0]["namespaces"]

    with report.case("a call from another namespace is intercepted, forwarded from there, and attributed"):
        equal(served(), 0, "namespaces served before anyone lives there")
        answer = guarded.curl(CHAT, body("from inside"))
        equal(answer.status, 200, f"status: {answer.stderr}")
        record = agent.records("decision")[-1]
        equal(field(record, "net.capture"), "proxied", "capture")
        equal(len(double.requests()), 1, "requests at the double inside")
        equal(served(), 1, "namespaces served")
    with report.case("blocked there as anywhere, and nothing reaches the provider"):
        mark = double.seen()
        answer = guarded.curl(CHAT, body(samples.secret_prompt()))
        equal(answer.status, 400, "status")
        equal(double.seen(), mark, "requests at the double")
    with report.case("the host's own namespace is served beside it: its provider is not the one inside"):
        answer = stage.guard(agent).curl(CHAT, body("from the host"))
        check(answer.status in (502, 503), f"nobody listens at the provider's address here, but the status is {answer.status}")
    with report.case("the address that the application asked for is the one it sees"):
        script = "import socket; s = socket.create_connection(('api.openai.com', 443)); print(s.getpeername()[0])"
        seen = guarded.run(["/usr/bin/python3", "-c", script]).stdout.decode().strip()
        equal(seen, stage.addresses["api.openai.com"], "getpeername")
    def fresh_namespaces(count, cgroup):
        """Each with a provider of its own at the provider's address, and curl as its first act -> [(curl's status, what the provider got)]."""
        # `unshare` makes the namespace, the provider is outside the guarded tree, and the shell becomes curl.
        script = 'ip link set lo up; sh -c "echo 0 > $0/cgroup.procs; exec $1 >/dev/null 2>&1" & until ss -Hltn | grep -q :443; do sleep 0.02; done; shift; echo 0 > "$1/cgroup.procs"; shift; exec "$@"'
        running = []
        for number in range(count):
            got = stage.folder / f"got-{stage.number()}"
            provider = f"/usr/bin/python3 {LONE_PROVIDER} {stage.addresses['api.openai.com']} {double.certificates / 'good.pem'} {double.certificates / 'good.key'} {got}"
            argv = ["unshare", "--net", "sh", "-c", script, stage.outside.path, provider, cgroup.path, "curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--http1.1",
                    "--cacert", both, "-d", body(f"first act {number}"), CHAT]
            running.append((got, subprocess.Popen(list(map(str, argv)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), text=True)))
        return [(child.communicate(timeout=60)[0], got.read_text() if got.exists() else "") for got, child in running]

    both = stage.folder / "both.pem"
    both.write_text(agent.ca.read_text() + double.ca.read_text())
    both.chmod(0o644)
    with report.case("what goes past the agent in a fresh namespace would be seen: it is, where nobody guards"):
        [(status, got)] = fresh_namespaces(1, stage.outside)
        equal(status, "200", "status")
        check("first act 0" in got, f"the provider there got {got!r}")
    with report.case(f"{FRESH} fresh namespaces whose first act is a call: intercepted or refused, none goes past"):
        mark = len(agent.records("decision"))
        results = fresh_namespaces(FRESH, stage.guarded)
        codes = [status for status, _ in results]
        equal(set(codes) - {"200", "000"}, set(), "answers")
        reached = sum(bool(got) for _, got in results)
        decided = len(agent.records("decision")) - mark
        equal((reached, decided), (codes.count("200"), codes.count("200")), "calls that reached a provider, decisions; of those answered")
        print(f"     {codes.count('200')} of {FRESH} were served at their first try, {codes.count('000')} refused by the kernel")
        check(codes.count("000") <= FRESH // 5, f"{codes.count('000')} of {FRESH} were refused at their first try")
    with report.case("a worker that is killed is replaced, in that namespace too"):
        os.kill(agent.workers()[0], 9)
        wait_until(lambda: len(agent.workers()) == 2, 10, "two workers")
        wait_until(lambda: guarded.curl(CHAT, body("after the kill")).status == 200, 10, "a call passes")
        equal({guarded.curl(CHAT, body(f"again {number}")).status for number in range(10)}, {200}, "statuses")
    with report.case("a stream from there comes through whole"):
        result = guarded.openai(call="chat", prompt="stream it", stream=True)
        check(result["ok"], f"{result}")
    with report.case("kill -9 of the agent: refused in the namespace as on the host; the next agent serves those who live there already"):
        mark = double.seen()
        # Somebody who is there before, during and after: no event will tell the new agent of it.
        resident = subprocess.Popen(command(["/usr/bin/python3", "-c", "import subprocess, sys\nfor line in sys.stdin: print(subprocess.run(line, shell=True, capture_output=True, text=True).stdout, flush=True)"],
                                            stage.guarded.entering(*inner.enter)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment())
        stage.at_end(resident.kill)
        agent.kill9()
        check(guarded.curl(CHAT, body("while it is dead")).status is None, "an answer while the agent is dead")
        equal(double.seen(), mark, "requests at the double")
        agent.start()
        wait_until(lambda: served() == 1, 5, "the namespace is served again")
        equal(guarded.curl(CHAT, body("back")).status, 200, "status")
        resident.kill()
        resident.wait()
    with report.case("kill -9 while a namespace is only mounted: the next agent serves it before anybody is seen there"):
        keeper, file = Netns(stage), stage.folder / "mounted-netns"
        file.touch()
        equal(run(["mount", "--bind", f"/proc/{keeper.keeper.pid}/ns/net", file]).returncode, 0, "mount")
        stage.at_end(lambda: run(["umount", "-l", file]))
        mounted = Place(stage, stage.guarded.entering("nsenter", f"--net={file}"), agent.ca)
        equal(mounted.curl(CHAT, body("no provider here")).status, 502, "status")
        keeper.end()
        agent.kill9()
        agent.start()
        equal(served(), 2, "namespaces served")
        equal(mounted.curl(CHAT, body("still none")).status, 502, "status of the first call")
        equal(run(["umount", "-l", file]).returncode, 0, "umount")
    with report.case("namespaces in which nobody lives any more are let go"):
        check(agent.daemon.pid in holders(inner.inode), "the agent does not hold the namespace it serves")
        inode = inner.inode
        inner.end()
        double.end()
        wait_until(lambda: served() == 0, 25, "no namespace served", pause_s=0.5)
        equal(holders(inode), set(), "processes that hold it open")
    with report.case("the log verifies"):
        agent.verify()
