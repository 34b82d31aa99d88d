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
from rig.process import command, environment, pid_of, wait_until  # noqa: E402

CALLS, AT_ONCE = 1000, 10
CHAT = "https://api.openai.com/v1/chat/completions"
BODY = json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": samples.HARMLESS}]})
JOB = """#!/bin/sh
curl --http1.1 -sS --max-time 60 --cacert "$2" -o /dev/null -w '%{http_code}' -d "$1" "$3" &
wait
"""


with Stage("short-lived") as stage, Report("short_lived") as report:
    double = stage.double()
    agent = stage.agent(samples.POLICY)
    with report.case("the agent starts", fatal=True):
        agent.start()
    guarded = stage.guard(agent)
    job = stage.folder / "job"
    job.write_text(JOB)
    job.chmod(0o755)
    curl, shell = hashlib.sha256(stage.seen_by_clients(shutil.which("curl")).read_bytes()).hexdigest(), str(pathlib.Path("/bin/sh").resolve())
    users = ["ew-alice", "ew-bob", "ew-carol"]

    def call(turn):
        uid = stage.users[users[turn % 3]]
        argv = command([job, BODY, guarded.ca, CHAT], stage.guarded, uid, loginuid=uid + 1000)
        child = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
        said, complaint = child.communicate(timeout=120)
        # In a container the runtime stands between this test and the job.
        return uid, complaint, said.strip(), [pid_of(child), child.pid if stage.containers else os.getpid()]

    with report.case(f"{CALLS} calls, {AT_ONCE} at a time, all answered", fatal=True):
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            calls = list(pool.map(call, range(CALLS)))
        failed = [(said, complaint[-200:]) for _, complaint, said, _ in calls if said != b"200"]
        equal(failed[:3], [], f"{len(failed)} calls that failed")
    with report.case("one decision for each, durable"):
        wait_until(lambda: len(agent.records("decision")) >= CALLS, 20, "all decision records", pause_s=1)
        records = agent.records("decision")
        equal(len(records), CALLS, "decision records")
    with report.case("every record names the right executable, user and ancestry"):
        by_job = {}
        for record in records:
            # Paths stand in the log's disclosures, beside the record.
            shown = agent.json("audit", "show", record["seq"])[0]["disclosures"]
            ancestry = next((one[2] for one in shown if one[1] == "ancestry"), [])
            by_job.setdefault(ancestry[0]["pid"] if ancestry else None, (record, ancestry))
        wrong = []
        for uid, _, _, (parent, grandparent) in calls:
            record, ancestry = by_job.get(parent, ({}, []))
            chain = [(one["pid"], one["exe"], one["script"]) for one in ancestry[:2]]
            got = [field(record, name) for name in ("proc.comm", "proc.exe_sha256", "user.uid", "user.loginuid")]
            if got != ["curl", curl, uid, uid + 1000] or chain[:1] != [(parent, shell, str(job))] or [one[0] for one in chain[1:]] != [grandparent]:
                wrong.append((parent, got, chain, field(record, "proc.unresolved")))
        equal(wrong[:3], [], f"{len(wrong)} records of {CALLS} that are wrong")
        equal(agent.metric("kernel_events_dropped_total"), 0, "kernel events lost")
        check(len({field(record, "proc.pid") for record in records}) > 900, "the pids came round, so this test says little")
