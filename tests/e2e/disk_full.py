#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The log's disk is full: calls get 503, none goes out unrecorded, and a `gap` with the counts follows when space returns."""
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from rig import Report, Stage, check, equal, samples  # noqa: E402
from rig import namespace  # noqa: E402
from rig.agent import field  # noqa: E402
from rig.process import wait_until  # noqa: E402

CHAT = "https://api.openai.com/v1/chat/completions"


def body(text):
    return json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": text}]})


def fill(folder):
    """Takes the last byte of the file system that the log lies on."""
    size = 1 << 20
    with open(folder / "ballast", "ab", buffering=0) as file:
        while size:
            try:
                file.write(b"\0" * size)
            except OSError:
                size //= 2
    return os.statvfs(folder).f_bavail


with Stage("disk_full") as stage, Report("disk_full") as report:
    double = stage.double()
    agent = stage.agent(samples.POLICY)
    agent.state_dir.mkdir()
    namespace.mount("-t", "tmpfs", "-o", "size=64m", "tmpfs", agent.state_dir)
    stage.at_end(lambda: namespace.drop(agent.state_dir))
    with report.case("the agent starts", fatal=True):
        agent.start()
    guarded = stage.guard(agent)
    with report.case("before: a call passes and is recorded"):
        equal(guarded.curl(CHAT, body("before")).status, 200, "status")
    with report.case("full: calls get 503 and nothing reaches the provider unrecorded"):
        equal(fill(agent.state_dir), 0, "blocks left")
        mark = double.seen()
        # What the log's own files still have room for is recorded and passes: the 4 MB of its write-ahead log hold some
        # hundred exchanges, and the reserve some more. After that only 503.
        answers = []
        while len(answers) < 1000 and [answer.status for answer in answers[-20:]] != [503] * 20:
            answers.append(guarded.curl(CHAT, body(f"during {len(answers)}")))
        statuses = [answer.status for answer in answers]
        check(statuses[-20:] == [503] * 20, f"the last statuses are {statuses[-20:]}: {answers[-1]}")
        check(set(statuses) <= {200, 503}, f"statuses {sorted(set(statuses), key=str)}")
        refused = statuses.count(503)
        equal(len(double.requests(mark)), statuses.count(200), "requests at the provider")
    with report.case("a fault does not look like a policy block"):
        shape = answers[-1].json()
        check(shape["error"].get("code") != "policy_violation", f"the 503 says {shape}")
    with report.case("space returns: calls pass again"):
        (agent.state_dir / "ballast").unlink()
        wait_until(lambda: guarded.curl(CHAT, body("after")).status == 200, 20, "a call passes", pause_s=0.5)
    with report.case("one gap record with the counts"):
        gaps = wait_until(lambda: agent.records("gap"), 15, "a gap record")
        equal([field(gap, "gap.decisions") for gap in gaps], [refused], "refused decisions that the gap counts")
        check("curl" in json.dumps(field(gaps[0], "gap.by")), f"the gap does not name the process: {gaps}")
    with report.case("every request at the provider has its decision, and the log verifies"):
        records = agent.records("decision")
        check(len(records) >= len(double.requests()), f"{len(records)} decisions, {len(double.requests())} requests at the provider")
        agent.verify()
