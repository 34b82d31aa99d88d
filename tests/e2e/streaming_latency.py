#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The first event of a stream comes within 2 ms of a direct call's: the median over 100 interleaved pairs on warm
connections. And events come through one by one, not gathered."""
import json
import os
import pathlib
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from rig import Report, Stage, check, equal, samples  # noqa: E402
from rig.client import SOURCE  # noqa: E402
from rig.process import command, environment  # noqa: E402

PAIRS = int(os.environ.get("WARDEN_PAIRS", "100"))


class Timer:
    """A client that stays, with one connection, and makes a call per line."""

    def __init__(self, stage, cgroup, ca):
        argv = command([stage.node, SOURCE / "stream-timer.js"], cgroup, with_parent=True)
        self.child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment({"NODE_EXTRA_CA_CERTS": ca}), text=True)
        stage.at_end(self.child.kill)

    def call(self, prompt, **headers):
        self.child.stdin.write(json.dumps({"prompt": prompt, "headers": headers}) + "\n")
        self.child.stdin.flush()
        result = json.loads(self.child.stdout.readline())
        equal(result["status"], 200, f"status of {result}")
        return result


with Stage("latency") as stage, Report("latency") as report:
    double = stage.double()
    agent = stage.agent(samples.POLICY, log_level="warn")
    with report.case("the agent starts", fatal=True):
        agent.start()
    direct, guarded = Timer(stage, stage.outside, double.ca), Timer(stage, stage.guarded, agent.ca)
    with report.case(f"first event within 2 ms of direct, median of {PAIRS} interleaved pairs"):
        for number in range(10):
            direct.call(f"warm {number}"), guarded.call(f"warm {number}")
        pairs = []
        for number in range(PAIRS):
            order = (direct, guarded) if number % 2 else (guarded, direct)
            took = {place: place.call(f"pair {number}", **{"x-double-gap-ms": "1"})["first_us"] for place in order}
            pairs.append((took[direct], took[guarded]))
        added = statistics.median(through - plain for plain, through in pairs)
        plain, through = (statistics.median(column) for column in zip(*pairs))
        print(f"  direct {plain:.0f} us, through the agent {through:.0f} us, added {added:.0f} us (medians); load {os.getloadavg()[0]:.1f}")
        check(added <= 2000, f"the median of the differences is {added:.0f} us")
    with report.case("events are not gathered: a stream with 20 ms gaps starts at once"):
        result = guarded.call("slow", **{"x-double-gap-ms": "20", "x-double-events": "20"})
        check(result["first_us"] < result["whole_us"] / 4, f"first event after {result['first_us']} us of {result['whole_us']} us")
        equal(result["events"], direct.call("slow", **{"x-double-gap-ms": "20", "x-double-events": "20"})["events"], "events")
