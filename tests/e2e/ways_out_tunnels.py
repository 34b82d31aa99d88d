#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ways out through others: proxies inside and outside the guarded tree, and tunnels that nobody can look into, which are recorded
as seen and not inspected as far as they can be told from other traffic."""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from rig import Report, Stage, check, equal, samples  # noqa: E402
from rig.agent import field  # noqa: E402
from rig.process import command, environment  # noqa: E402
from rig.ways import NAME, SUPPORT, SocksProxy, SshDouble, Ways  # noqa: E402

USERS = ("ew-alice", "root")
WIREGUARD = 51820
# A proxy for whom its clients ask, in the guarded tree: HTTP CONNECT or SOCKS, whichever its first byte says.
LOCAL_PROXY = """
import sys
sys.path.insert(0, sys.argv[1])
from rig.ways import ConnectProxy, SocksProxy
kind, address, port, target = sys.argv[2:]
proxy = {"connect": ConnectProxy, "socks": SocksProxy}[kind](address, int(port), target)
print("ready", flush=True)
proxy.join()
"""

with Stage("ways_tunnels") as stage, Report("ways_out_tunnels") as report:
    fresh = iter(range(20, 250))
    place = {(way, user): f"{stage.block}.{next(fresh)}" for way in ("socks", "ssh", "wireguard", "connect here", "socks here") for user in USERS}
    double = stage.double(names=[NAME, "api.anthropic.com"])
    known = stage.addresses[NAME]
    agent = stage.agent(samples.POLICY)
    ways = Ways(stage, double, agent)
    for user in USERS:
        SocksProxy(place["socks", user], 1080, known)
        SshDouble(place["ssh", user], 22, known)
        ways.sink(place["wireguard", user], WIREGUARD)
    with report.case("the agent starts", fatal=True):
        agent.start()

    def local_proxy(kind, user):
        argv = ["/usr/bin/python3", "-c", LOCAL_PROXY, SUPPORT, kind, place[f"{kind} here", user], 3128, known]
        child = subprocess.Popen(command(argv, stage.guarded, stage.users["ew-alice"], with_parent=True), stdout=subprocess.PIPE, env=environment())
        stage.at_end(child.kill)
        equal(child.stdout.readline().strip(), b"ready", "the proxy in the tree")

    for user in USERS:
        for way in ("socks_proxy", "socks_proxy_by_address"):
            with report.case(f"{way}, outside the guarded tree, as {user}: refused by the name inside"):
                outcome, came, made, said = ways.attempt(way, user, place["socks", user], 1080, "proxy")
                equal((outcome, came), ("refused", 0), f"outcome and bytes ({said}; {made})")
                check("flow refused tunnel" in made, f"records: {made}")
        for way, kind in (("connect_proxy", "connect"), ("connect_proxy_by_address", "connect"), ("socks_proxy", "socks"), ("socks_proxy_by_address", "socks")):
            with report.case(f"{way}, inside the guarded tree, as {user}: refused"):
                if way.endswith("proxy"):
                    local_proxy(kind, user)
                outcome, came, made, said = ways.attempt(way, user, place[f"{kind} here", user], 3128, "proxy in the tree")
                equal((outcome, came), ("refused", 0), f"outcome and bytes ({said}; {made})")
        for way, kind, port, reason in (("ssh_tunnel", "ssh", 22, "opaque_ssh"), ("wireguard_tunnel", "wireguard", WIREGUARD, "opaque_wireguard")):
            with report.case(f"{way}, as {user}: seen, with process and destination"):
                outcome, came, made, said = ways.attempt(way, user, place[kind, user], port, "tunnel")
                equal((outcome, made), ("seen, not inspected", [f"flow observed {reason}"]), f"outcome and records ({said})")
                check(came > 0, f"nothing came through, so this says nothing ({said})")
                record = agent.records("flow", net__reason=reason)[-1]
                equal((field(record, "user.uid"), field(record, "proc.comm"), field(record, "net.port")), (stage.users.get(user, 0), "python3", port), "whose, and whereto")
    with report.case("no byte reached the provider unrecorded"):
        ways.check_nothing_escaped()
    ways.print()
