#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The collector receives, cosigns and shows the records; stopped under load it loses nothing and catches up."""
import json
import os
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from rig import Report, Stage, check, equal, samples  # noqa: E402
from rig.process import wait_until  # noqa: E402

CHAT = "https://api.openai.com/v1/chat/completions"
# A minute is what is promised; the short form shows the same in less.
DOWN_S = int(os.environ.get("WARDEN_COLLECTOR_DOWN_S", "15"))


def body(text):
    return json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": text}]})


with Stage("collector") as stage, Report("collector") as report:
    double = stage.double()
    collector = stage.collector()
    with report.case("the collector starts", fatal=True):
        collector.start()
    agent = stage.agent(samples.POLICY, audit={"collector": collector.for_agent()})
    with report.case("the agent starts", fatal=True):
        agent.start()
    guarded = stage.guard(agent)

    def local_seqs():
        return [int(record["seq"]) for record in agent.records()]

    def caught_up():
        there = {int(record["seq"]) for record in collector.records()}
        return set(local_seqs()) <= there

    with report.case("records arrive at the collector"):
        equal(guarded.curl(CHAT, body("one")).status, 200, "status")
        blocked = guarded.curl(CHAT, body(samples.secret_prompt()))
        wait_until(caught_up, 15, "the collector has every record")
        found = collector.get(f"/api/v1/records/{blocked.req}")
        check(blocked.req in json.dumps(found), f"the record {blocked.req} by its number: {found}")
        hosts = collector.get("/api/v1/hosts")
        check(hosts, "a host is shown")
    with report.case(f"stopped for {DOWN_S} s under load: every call is still decided"):
        answers, stop = [], threading.Event()

        def load():
            while not stop.is_set():
                answers.append(guarded.curl(CHAT, body(f"call {len(answers)}")).status)
        threads = [threading.Thread(target=load, daemon=True) for _ in range(2)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(answers) > 4, 20, "load runs")
        collector.stop()
        mark = len(answers)
        time.sleep(DOWN_S)
        check(len(answers) > mark, "no call was answered while the collector was down")
        status = agent.json("status")[0]
        check("spool" in json.dumps(status) or "cosigned" in json.dumps(status), f"status shows the backlog: {status}")
        collector.start()
        time.sleep(2)
        stop.set()
        for thread in threads:
            thread.join(40)
        equal(sorted(set(answers)), [200], "statuses of all calls")
    with report.case("receipts catch up and nothing is lost or doubled"):
        wait_until(caught_up, 40, "the collector has every record")
        seqs = [int(record["seq"]) for record in collector.records()]
        equal(len(seqs), len(set(seqs)), "distinct records at the collector")
        decided = {record["req"] for record in agent.records("decision")}
        there = {record.get("req") for record in collector.records("&verdict=allow")} | {record.get("req") for record in collector.records("&verdict=block")}
        check(decided <= there, f"{len(decided - there)} decisions are not at the collector")
        wait_until(lambda: agent.metric("audit_uncosigned_records") <= 3, 20, "uncosigned records are few again")
    with report.case("the log verifies"):
        agent.verify()
    with report.case("nobody without a certificate of the fleet or the readers' token gets anything from the collector"):
        for method, path in (("GET", "/api/v1/hosts"), ("POST", "/add-checkpoint"), ("GET", "/vkey")):
            answer = guarded.run(["curl", "-sS", "-X", method, "-o", "/dev/null", "-w", "%{http_code}", "--cacert", collector.keys / "ca.pem", collector.url + path])
            check(answer.returncode != 0 or answer.stdout in (b"401", b"403"), f"{method} {path} answered {answer.stdout!r}")
