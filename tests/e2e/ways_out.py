#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every way out of the guarded tree that a process may try, as an ordinary user and as root: intercepted, refused, or
recorded as seen but not inspected. Prints the matrix; an ordinary user never brings an unrecorded byte to the provider. Here:
sockets of every kind; ways_out_names, ways_out_tunnels and ways_out_root have the others."""
import hashlib
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from rig import Report, Stage, check, equal, samples  # noqa: E402
from rig.agent import field  # noqa: E402
from rig.client import Place  # noqa: E402
from rig.netns import Netns  # noqa: E402
from rig.process import command, environment, wait_until  # noqa: E402
from rig.ways import NAME, WAY, ConnectProxy, Ways  # noqa: E402

PYTHON_SHA256 = hashlib.sha256(pathlib.Path("/usr/bin/python3").read_bytes()).hexdigest()
# Ways by the address they take: one that the agent knows, one that nobody has told it, and who may try.
KNOWN = ["connect", "mapped_ipv6", "non_blocking", "bound_first", "bound_to_device", "disconnected_and_again", "multipath", "fast_open",
         "passed_socket", "io_uring", "byte_by_byte", "two_records", "udp_connected", "udp_sendto", "sctp"]
UNKNOWN = ["connect", "other_port", "io_uring", "mapped_ipv6", "non_blocking", "fast_open", "multipath", "byte_by_byte", "two_records", "plain_http"]
PROXY = ["connect_proxy", "connect_proxy_by_address"]
PRIVILEGED = ["raw_ip", "packet_socket", "xdp_socket"]
PORTS = {"plain_http": 80, "other_port": 8443}  # others: 443


with Stage("ways_out") as stage, Report("ways_out") as report:
    fresh = iter(range(20, 250))
    unknown = {(way, user): f"{stage.block}.{next(fresh)}" for way in UNKNOWN for user in ("ew-alice", "root")}
    proxies = {(way, user): f"{stage.block}.{next(fresh)}" for way in PROXY for user in ("ew-alice", "root")}
    unknown_quic = {user: f"{stage.block}.{next(fresh)}" for user in ("ew-alice", "root")}
    listen = {f"{address}:{PORTS.get(way, 443)}": "plain" if way == "plain_http" else "good" for (way, _), address in unknown.items()}
    double = stage.double(listen, names=[NAME, "api.anthropic.com"])
    for address in proxies.values():
        ConnectProxy(address, 3128, stage.addresses[NAME])
    known = stage.addresses[NAME]
    # The same addresses once more, in a network namespace where the agent does not live.
    elsewhere = Netns(stage)
    remote = stage.double({f"{known}:443": "good"}, within=elsewhere.enter)
    agent = stage.agent(samples.POLICY)
    ways = Ways(stage, double, agent, others=[remote])
    ways.sink(known, 443)
    for address in unknown_quic.values():
        ways.sink(address, 443)
    uring = stage.folder / "uring"
    subprocess.run(["cc", "-O1", "-o", uring, WAY.parent / "uring.c"], check=True)
    uring.chmod(0o755)

    def attempt(way, user, address, port, where, **how):
        mark = ways.mark()
        argv = ways.argv(way, address, port, mark)
        return ways.run([uring, address, port, *argv] if way == "io_uring" else argv, way, user, mark, where, **how)

    def early(mark, within=()):
        """A client that connects before an agent is there, and sends when told to."""
        argv = ["/usr/bin/python3", WAY, "waiting", known, "443", NAME, double.ca, mark]
        child = subprocess.Popen(command(argv, stage.guarded.entering(*within), stage.users["ew-alice"]), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment())
        equal(child.stdout.readline().strip(), b"connected", "the early client")
        return child

    def settled(of, child, mark, wanted, where):
        record = wait_until(lambda: of.records("flow", net__reason="older_than_agent", proc__pid=child.pid), 5, "a record")[0]
        child.communicate(b"go\n", timeout=20)
        outcome = "refused" if wanted == "refused" else "seen, not inspected"
        ways.matrix.append(("opened before the agent", where, "ew-alice", outcome, ways.delivered(mark), ways.described(record)))
        equal((field(record, "net.capture"), field(record, "user.uid")), (wanted, stage.users["ew-alice"]), "what became of it, and whose it is")
        return ways.delivered(mark)

    places = {"known": (), "known, another netns": elsewhere.enter}
    with report.case("connections opened before the agent started go on if the configuration says so, recorded, in whatever network namespace"):
        lenient = stage.agent(samples.POLICY, intercept={"existing": "record"})
        children = {where: early(f"mark-spared-{number}", within) for number, (where, within) in enumerate(places.items())}
        lenient.start()
        for number, (where, child) in enumerate(children.items()):
            check(settled(lenient, child, f"mark-spared-{number}", "observed", where) > 0, f"it was cut off ({where})")
        lenient.stop()
        lenient.remove()
    with report.case("the agent starts", fatal=True):
        stage.guarded.path.mkdir(exist_ok=True)
        children = {where: early(f"mark-waiting-{number}", within) for number, (where, within) in enumerate(places.items())}
        agent.start()

    for number, (where, child) in enumerate(children.items()):
        with report.case(f"a connection opened before the agent started is ended and recorded: {where}"):
            peers = subprocess.run([*places[where], "ss", "-Htn", "state", "established", "dst", known], capture_output=True, text=True, check=True).stdout
            equal(peers, "", "connections that are still there")
            equal(settled(agent, child, f"mark-waiting-{number}", "refused", where), 0, "bytes at the provider")

    for user in ("ew-alice", "root"):
        for way in KNOWN:
            with report.case(f"{way}, a known address, as {user}"):
                outcome, came, made, said = attempt(way, user, known, 443, "known")
                if way == "sctp" and "93" in said:  # EPROTONOSUPPORT: nobody gets out by what the kernel does not have
                    equal(came, 0, "bytes at the provider")
                else:
                    wanted = "refused" if way.startswith("udp") else "intercepted"
                    equal(outcome, wanted, f"outcome ({said}; {made})")
        for way in UNKNOWN:
            with report.case(f"{way}, an address that nobody told, as {user}"):
                address, port = unknown[way, user], PORTS.get(way, 443)
                outcome, came, made, said = attempt(way, user, address, port, "untold")
                equal((outcome, came), ("refused", 0), f"outcome and bytes ({said}; {made})")
                check("flow refused tripwire" in made, f"records: {made}")
                if way != "plain_http":
                    again, _, made, said = attempt(way, user, address, port, "untold, again")
                    # At a port where the name has no endpoint others may be served: one client's word does not have it redirected.
                    wanted = "refused" if way == "other_port" else "intercepted"
                    equal(again, wanted, f"outcome of the next attempt ({said}; {made})")
        with report.case(f"QUIC to an address that nobody told, as {user}"):
            outcome, came, made, said = attempt("udp_sendto", user, unknown_quic[user], 443, "untold")
            equal((outcome, made), ("seen, not inspected", ["flow observed unknown_quic"]), f"outcome and records ({said})")
        for way in PROXY:
            with report.case(f"{way}, outside the guarded tree, as {user}"):
                outcome, came, made, said = attempt(way, user, proxies[way, user], 3128, "proxy")
                equal((outcome, came), ("refused", 0), f"outcome and bytes ({said}; {made})")
                check("flow refused tunnel" in made, f"records: {made}")
    for way in PRIVILEGED:
        with report.case(f"{way}, as an ordinary user: not possible"):
            outcome, came, made, said = attempt(way, "ew-alice", known, 443, "known")
            equal((came, said), (0, "PermissionError 1"), "bytes and what the kernel said")
    with report.case("raw_ip, as root: the socket is noted, its packet refused"):
        outcome, came, made, said = attempt("raw_ip", "root", known, 443, "known")
        equal((outcome, came), ("refused", 0), f"outcome and bytes ({said}; {made})")
        check("flow observed raw_socket" in made, f"records: {made}")
    with report.case("packet_socket, as root: seen, and the process named"):
        outcome, came, made, said = attempt("packet_socket", "root", known, 443, "known")
        check("flow observed packet_socket" in made, f"records: {made} ({said})")
        record = agent.records("flow", net__reason="packet_socket")[-1]
        equal((field(record, "proc.comm"), field(record, "proc.exe_sha256")), ("python3", PYTHON_SHA256), "process")
    with report.case("packet_socket, as root, in another network namespace: seen, and the process named"):
        place = Place(stage, stage.guarded.entering(*elsewhere.enter), agent.ca)
        outcome, came, made, said = attempt("packet_socket", "root", known, 443, "known, another netns", place=place)
        check("flow observed packet_socket" in made, f"records: {made} ({said})")
        equal(field(agent.records("flow", net__reason="packet_socket")[-1], "proc.exe_sha256"), PYTHON_SHA256, "process")
    with report.case("xdp_socket, as root: seen where it is given memory"):
        outcome, came, made, said = attempt("xdp_socket", "root", known, 443, "known")
        equal((made, came), (["flow observed xdp_socket"], 0), f"records and bytes ({said})")
    with report.case("no ordinary user brought an unrecorded byte to the provider"):
        ways.check_nothing_escaped()
    ways.print()
