#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`kill -9` of the agent: LLM calls are refused at once, others work; a new agent takes the pins over and the log has
every committed record once."""
import json
import pathlib
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from rig import Report, Stage, check, equal, samples  # noqa: E402
from rig.process import command, environment, run, wait_until  # noqa: E402

CHAT = "https://api.openai.com/v1/chat/completions"
OTHER = "files.example"


def body(text):
    return json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": text}]})


class Load(threading.Thread):
    """Calls until told to stop; remembers which were answered."""

    def __init__(self, place, name):
        super().__init__(daemon=True)
        self.place, self.name, self.answers, self.stopped = place, name, [], False

    def run(self):
        while not self.stopped:
            text = f"{self.name} call {len(self.answers)}"
            self.answers.append((text, self.place.curl(CHAT, body(text)).status))


with Stage("kill9") as stage, Report("kill9") as report:
    stage.name_hosts({OTHER: f"{stage.block}.7"})
    double = stage.double({f"{stage.block}.7:443": "good"}, names=["api.openai.com", "api.anthropic.com", OTHER])
    agent = stage.agent(samples.POLICY)
    with report.case("the agent starts", fatal=True):
        agent.start()
    guarded = stage.guard(agent)

    def pins():
        done = run(["bpftool", "-j", "prog", "show"])
        ids = {program["id"] for program in json.loads(done.stdout)}
        shown = run(["bpftool", "-j", "cgroup", "show", stage.guarded.path])
        return {program["id"] for program in json.loads(shown.stdout or b"[]")} & ids

    with report.case("calls in flight while the agent is killed"):
        loads = [Load(guarded, f"load{number}") for number in range(3)]
        for load in loads:
            load.start()
        wait_until(lambda: all(len(load.answers) > 5 for load in loads), 30, "load is running")
        programs = pins()
        check(programs, "no program is attached")
        workers = agent.workers()
        agent.kill9()
        killed = time.monotonic()
        for load in loads:
            load.stopped = True
        for load in loads:
            load.join(40)
    with report.case("LLM calls are refused at once, and nothing reaches the provider"):
        time.sleep(max(0, killed + 3 - time.monotonic()))  # the heartbeat has gone stale by then
        mark = double.seen()
        started = time.monotonic()
        answer = guarded.curl(CHAT, body("while dead"))
        took = time.monotonic() - started
        equal((answer.status, answer.exit), (None, 7), f"curl's result: could not connect ({answer})")
        check(took < 1, f"the refusal took {took:.1f} s")
        equal(double.requests(mark), [], "requests at the provider")
    with report.case("other destinations work while the agent is dead"):
        equal(guarded.curl(f"https://{OTHER}/v1/models", None, "--cacert", double.ca).status, 200, "status")
    with report.case("workers do not outlive their supervisor"):
        wait_until(lambda: not [pid for pid in workers if pathlib.Path(f"/proc/{pid}").exists()], 5, f"workers {workers} are gone")
    with report.case("the restarted agent serves again"):
        agent.start()
        equal(guarded.curl(CHAT, body("after restart")).status, 200, "status")
    with report.case("the pins were taken over: the guarded cgroup was never without a program"):
        check(pins(), "no program is attached")
    with report.case("no committed record is missing or doubled"):
        records = agent.records()
        equal([int(record["seq"]) for record in records], list(range(len(records))), "seq")
        decisions = [record["req"] for record in records if record["kind"] == "decision"]
        equal(len(decisions), len(set(decisions)), "distinct decisions")
        reached = len([1 for request in double.requests() if b" call " in request.body])
        answered = sum(1 for load in loads for _, status in load.answers if status == 200)
        check(answered <= reached <= len(decisions), f"{answered} answered, {reached} reached the provider, {len(decisions)} decided")
    with report.case("an exchange that the kill cut off has an outcome `lost`"):
        wait_until(lambda: {r["req"] for r in agent.records("decision")} == {r["req"] for r in agent.records("outcome")}, 10, "an outcome for each decision")
    with report.case("the log verifies"):
        agent.verify()
    with report.case("SIGTERM drains: a stream in progress ends whole"):
        argv = ["curl", "-sSN", "--http1.1", "--cacert", guarded.ca, "-H", "x-double-gap-ms: 150", "-d", json.dumps({"model": "gpt-5", "stream": True, "messages": []}), CHAT]
        child = subprocess.Popen(command(argv, stage.guarded), stdout=subprocess.PIPE, env=environment())
        child.stdout.read(10)
        status = agent.stop()
        rest = child.communicate(timeout=30)[0]
        check(rest.rstrip().endswith(b"data: [DONE]"), f"the stream was cut: {rest[-120:]!r}")
        equal(status, 0, "the agent's exit status")
