#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""1,000 short-lived curls, ten at a time, of three users, each started by a script of its own shell: every record names the
right executable, user and ancestry."""
import concurrent.futures
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
from rig.process import command, environment, wait_until  # noqa: E402

CALLS, AT_ONCE = 1000, 10
CHAT = "https://api.openai.com/v1/chat/completions"
BODY = json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": samples.HARMLESS}]})
JOB = """#!/bin/sh
curl --http1.1 -sS --max-time 60 --cacert "$2" -o /dev/null -w '%{http_code}' -d "$1" "$3" &
echo " $! $$"
wait
"""


def digest(program):
    return hashlib.sha256(pathlib.Path(program).resolve().read_bytes()).hexdigest()


with Stage("short-lived") as stage, Report("short_lived") as report:
    double = stage.double()
    agent = stage.agent(samples.POLICY)
    with report.case("the agent starts", fatal=True):
        agent.start()
    guarded = stage.guard(agent)
    job = stage.folder / "job"
    job.write_text(JOB)
    job.chmod(0o755)
    curl, shell = digest(shutil.which("curl")), str(pathlib.Path("/bin/sh").resolve())
    users = ["ew-alice", "ew-bob", "ew-carol"]

    def call(turn):
        uid = stage.users[users[turn % 3]]
        argv = command([job, BODY, guarded.ca, CHAT], stage.guarded, uid, loginuid=uid + 1000)
        done = subprocess.run(argv, capture_output=True, env=environment(), timeout=120)
        words = done.stdout.split()
        # Status and numbers come in either order: curl may answer before the shell speaks.
        numbers = [int(word) for word in words]
        return uid, done.stderr, numbers

    with report.case(f"{CALLS} calls, {AT_ONCE} at a time, all answered", fatal=True):
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            calls = list(pool.map(call, range(CALLS)))
        failed = [(numbers, stderr[-200:]) for _, stderr, numbers in calls if len(numbers) != 3 or 200 not in numbers]
        equal(failed[:3], [], f"{len(failed)} calls that failed")
    with report.case("one decision for each, durable"):
        wait_until(lambda: len(agent.records("decision")) >= CALLS, 20, "all decision records", pause_s=1)
        records = agent.records("decision")
        equal(len(records), CALLS, "decision records")
    with report.case("every record names the right executable, user and ancestry"):
        by_pid = {field(record, "proc.pid"): record for record in records}
        wrong = []
        for uid, _, numbers in calls:
            pid, parent = [number for number in numbers if number != 200] if numbers.count(200) == 1 else numbers[:2]
            record = by_pid.get(pid) or by_pid.get(parent)
            if record is None:
                wrong.append((pid, "no record"))
                continue
            pid, parent = (pid, parent) if record is by_pid.get(pid) else (parent, pid)
            got = [field(record, name) for name in ("proc.comm", "proc.exe_sha256", "user.uid", "user.loginuid")]
            # Paths stand in the log's disclosures, beside the record.
            shown = agent.json("audit", "show", record["seq"])[0]["disclosures"]
            ancestry = next((one[2] for one in shown if one[1] == "ancestry"), [])
            chain = [(one["pid"], one["exe"], one["script"]) for one in ancestry[:2]]
            if got != ["curl", curl, uid, uid + 1000] or chain[:1] != [(parent, shell, str(job))] or [one[0] for one in chain[1:]] != [os.getpid()]:
                wrong.append((pid, got, chain, field(record, "proc.unresolved")))
        equal(wrong[:3], [], f"{len(wrong)} records of {CALLS} that are wrong")
        equal(agent.metric("kernel_events_dropped_total"), 0, "kernel events lost")
        check(len({field(record, "proc.pid") for record in records}) > 900, "the pids came round, so this test says little")
