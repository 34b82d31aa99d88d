#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ways out by names: learned where the kernel cannot read along, left out, or not what the request then says."""
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from rig import Report, Stage, check, equal, namespace, samples  # noqa: E402
from rig.process import Daemon, wait_until  # noqa: E402
from rig.ways import NAME, SUPPORT, Ways  # noqa: E402

OTHER, RESOLVER = "www.example.org", "dns.example.org"
USERS = ("ew-alice", "root")
# Ways by which a client learns an address that nobody has told the agent.
LEARNED = ["by_name, hosts file", "by_name, nss-resolve", "dns_over_tls", "dns_over_https"]


def nss_resolve(folder):
    """The module, unpacked beside the stage: installed, it would change how this machine resolves names."""
    folder.mkdir()
    for argv in (["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", "libnss-resolve"], ["sh", "-c", "dpkg -x libnss-resolve*.deb ."]):
        done = subprocess.run(argv, cwd=folder, capture_output=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"libnss-resolve cannot be had: {done.stderr.decode()[-200:]}")
    return next(folder.rglob("libnss_resolve.so.2")).parent


with Stage("ways_names") as stage, Report("ways_out_names") as report:
    fresh = iter(range(20, 250))
    at = {(way, user): f"{stage.block}.{next(fresh)}" for way in [*LEARNED, "no_server_name"] for user in USERS}
    resolvers = {way: f"{stage.block}.{next(fresh)}" for way in at}
    double = stage.double({f"{address}:443": "good" for address in at.values()}, names=[NAME, "api.anthropic.com", OTHER, RESOLVER])
    known, lone = stage.addresses[NAME], stage.addresses["api.anthropic.com"]
    agent = stage.agent(samples.POLICY)
    ways = Ways(stage, double, agent)

    def start_resolvers(way, user):
        """-> where they are. varlink's socket is where nss-resolve looks for systemd-resolved."""
        folder = stage.folder / f"resolver-{stage.number()}"
        folder.mkdir()
        folder.chmod(0o755)
        argv = [SUPPORT / "ways_out/resolvers.py", resolvers[way, user], NAME, at[way, user], double.certificates / "good.pem", double.certificates / "good.key",
                folder / "io.systemd.Resolve", folder / "ready"]
        daemon = Daemon(argv, folder / "log")
        stage.daemons.append(daemon)
        daemon.wait_for(folder / "ready", 10, "the resolvers")
        return folder

    def by_hosts_file(user):
        stage.name_hosts({NAME: at["by_name, hosts file", user]})

    def by_nss_resolve(user):
        os.makedirs("/run/systemd/resolve", exist_ok=True)
        namespace.mount("--bind", start_resolvers("by_name, nss-resolve", user), "/run/systemd/resolve")

    with report.case("the agent starts", fatal=True):
        agent.start()
        module = nss_resolve(stage.folder / "nss")
        # Whoever does not find the module goes on to the hosts file.
        namespace.lay_over("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: resolve [!UNAVAIL=return] files\n", stage.folder)
    for user in USERS:
        for way in LEARNED:
            with report.case(f"{way}, as {user}: refused, and intercepted when tried again"):
                more, env = (), {}
                if way == "by_name, hosts file":
                    by_hosts_file(user)
                elif way == "by_name, nss-resolve":
                    by_nss_resolve(user)
                    env = {"LD_LIBRARY_PATH": module}
                else:
                    start_resolvers(way, user)
                    more = (resolvers[way, user], RESOLVER)
                outcome, came, made, said = ways.attempt(way.split(",")[0], user, at[way, user], 443, way.split(", ")[-1], *more, env=env)
                equal((outcome, came), ("refused", 0), f"outcome and bytes ({said}; {made})")
                check("flow refused tripwire" in made, f"records: {made}")
                again, _, made, said = ways.attempt(way.split(",")[0], user, at[way, user], 443, f"{way.split(', ')[-1]}, again", *more, env=env)
                equal(again, "intercepted", f"outcome of the next attempt ({said}; {made})")
                if way == "by_name, nss-resolve":
                    namespace.drop("/run/systemd/resolve")
        with report.case(f"no name in the hello, a known address, as {user}: refused"):
            outcome, came, made, said = ways.attempt("no_server_name", user, known, 443, "known")
            equal((outcome, came, made), ("refused", 0, ["flow refused no_server_name"]), f"outcome, bytes and records ({said})")
        with report.case(f"no name in the hello, an address that nobody told, as {user}: noted"):
            outcome, came, made, said = ways.attempt("no_server_name", user, at["no_server_name", user], 443, "untold")
            equal((outcome, made), ("seen, not inspected", ["flow observed nameless_hello"]), f"outcome and records ({said})")
        for way in ("fronted", "coalesced_http2"):
            with report.case(f"{way}: another site's name at a front that both share, as {user}: spliced, and recorded"):
                outcome, came, made, said = ways.attempt(way, user, known, 443, "shared front", OTHER)
                equal((outcome, made), ("seen, not inspected", ["flow spliced shared_front"]), f"outcome and records ({said})")
            with report.case(f"{way}: another site's name at the provider's own address, as {user}: refused"):
                outcome, came, made, said = ways.attempt(way, user, lone, 443, "provider's own", OTHER)
                equal((outcome, came, made), ("refused", 0, ["flow refused foreign_name"]), f"outcome, bytes and records ({said})")
        with report.case(f"a Host that differs from the hello's name, as {user}"):
            outcome, came, made, said = ways.attempt("host_differs", user, known, 443, "known", OTHER)
            check(came == 0 and outcome in ("intercepted", "refused"), f"{outcome}, {came} bytes ({said}; {made})")
    with report.case("where the bundle says so, a foreign name on a shared front is refused"):
        agent.policy_file.write_text(samples.POLICY.replace("on_unreadable: block", "on_unreadable: block, on_shared_front: refuse"))
        agent.reload()
        wait_until(lambda: len(agent.records("policy_load")) > 1, 5, "the policy is in force")
        outcome, came, made, said = ways.attempt("fronted", "ew-alice", known, 443, "shared front, refused", OTHER)
        equal((outcome, came), ("refused", 0), f"outcome and bytes ({said}; {made})")
    with report.case("no byte reached the provider unrecorded"):
        ways.check_nothing_escaped()
    ways.print()
