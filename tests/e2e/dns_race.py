#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A connection that follows a DNS answer at once is redirected: 10,000 fresh names and addresses, resolved and connected to
in parallel. Nothing listens at those addresses, so a connection that comes about can only have been redirected."""
import json
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from rig import Report, Stage, check, equal, namespace, samples  # noqa: E402
from rig.process import Daemon, command, environment  # noqa: E402

SUPPORT = pathlib.Path(__file__).resolve().parents[1] / "support"
SUFFIX = "openai.azure.com"  # a wildcard of the catalogue
PROCESSES, THREADS, EACH = 4, 8, 2500

with Stage("dns_race") as stage, Report("dns_race") as report:
    resolver_address = f"{stage.block}.53"
    ready = stage.folder / "resolver-ready"
    resolver = Daemon([*stage.within, "/usr/bin/python3", SUPPORT / "resolver.py", resolver_address, ready], stage.folder / "resolver.log")
    stage.daemons.append(resolver)
    resolver.wait_for(ready, 10, "the resolver")
    namespace.lay_over("/etc/resolv.conf", f"nameserver {resolver_address}\noptions timeout:10 attempts:3\n", stage.folder)
    stage.double()
    agent = stage.agent(samples.POLICY)
    with report.case("the agent starts", fatal=True):
        agent.start(60)
    with report.case(f"{PROCESSES * EACH} fresh getaddrinfo and connect pairs: every one redirected"):
        before = agent.json("status")[0]["guard"]
        started = time.monotonic()
        children = [subprocess.Popen(command(["/usr/bin/python3", SUPPORT / "clients/resolve_connect.py", SUFFIX, index * EACH, EACH, THREADS], stage.guarded,
                                             stage.users["ew-alice"]), stdout=subprocess.PIPE, env=environment()) for index in range(PROCESSES)]
        results = [json.loads(child.communicate(timeout=400)[0]) for child in children]
        took = time.monotonic() - started
        failures = [why for result in results for why in result["failures"]]
        equal((sum(result["connected"] for result in results), failures), (PROCESSES * EACH, []), "connections and failures")
        after = agent.json("status")[0]["guard"]
        redirected = after["redirected"] - before["redirected"]
        equal((redirected, after["refused"] - before["refused"]), (PROCESSES * EACH, 0), "redirected and refused")
        print(f"  {redirected} of {PROCESSES * EACH} redirected in {took:.1f} s")
    with report.case("no kernel event of it was lost unnoticed"):
        check("events_dropped" in after, f"status has {sorted(after)}")
