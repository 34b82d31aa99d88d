#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`intercept.mode: strict`: LLMs under addresses that nobody ever resolved are intercepted at the first try, and everything else
on the TLS ports passes through byte for byte: whoever speaks first, however slowly, in either direction, and after the agent is
dead too. The suite has a network namespace of its own, in which documentation addresses stand on loopback."""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from rig import Report, Stage, check, equal, namespace, samples  # noqa: E402
from rig.agent import field  # noqa: E402
from rig.client import Place  # noqa: E402
from rig.netns import Netns  # noqa: E402
from rig.process import command, environment, wait_until  # noqa: E402

SUPPORT = pathlib.Path(__file__).resolve().parents[1] / "support"
PEER = SUPPORT / "strict/peer.py"
PYTHON = "/usr/bin/python3"
CHAT = "https://api.openai.com/v1/chat/completions"
HARD_CODED, SITE, SERVICE = "203.0.113.10", "203.0.113.20", "203.0.113.30"
SITE6, HARD_CODED6 = "2001:db8::20", "2001:db8::10"
CONNECTIONS, DOWNLOAD_MIB, ROUNDS = 1000, 256, 7
MARK = "EGRESSWARDEN_TEST_NETNS"

namespace.enter()
if os.environ.get(MARK) != "inside":
    os.environ[MARK] = "inside"
    os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv])


def addresses(*within):
    for words in (["link", "set", "lo", "up"], *(["addr", "add", f"{ip}/32", "dev", "lo"] for ip in (HARD_CODED, SITE, SERVICE)),
                  *(["-6", "addr", "add", f"{ip}/128", "dev", "lo", "nodad"] for ip in (HARD_CODED6, SITE6))):
        subprocess.run([*within, "ip", *words], check=True)


def body(text):
    return json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": text}]})


def cpu_seconds(pids):
    ticks = 0
    for pid in pids:
        words = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(words[11]) + int(words[12])
    return ticks / os.sysconf("SC_CLK_TCK")


addresses()
with Stage("strict") as stage, Report("strict") as report:
    double = stage.double({f"{HARD_CODED}:443": "good", f"{HARD_CODED6}:443": "good", f"{SITE}:443": "good", f"{SITE}:8443": "good", f"{SITE6}:443": "good"},
                          names=["api.openai.com", "api.anthropic.com", "site.example"])
    agent = stage.agent(samples.POLICY, intercept={"mode": "strict"})
    with report.case("the agent starts", fatal=True):
        agent.start()
    guarded, direct = stage.guard(agent), stage.direct()
    trusted = stage.folder / "all-roots.pem"  # of the agent and of the double
    trusted.write_text(pathlib.Path(agent.ca).read_text() + pathlib.Path(double.ca).read_text())
    trusted.chmod(0o644)

    def peer(cgroup, *words, **more):
        return subprocess.Popen(command([PYTHON, PEER, *words], cgroup, with_parent=True), stdout=subprocess.PIPE, env=environment(), cwd="/", **more)

    def serve(*words, cgroup=None):
        child = peer(cgroup or stage.outside, "serve", *words, text=True)
        stage.at_end(child.kill)
        equal(child.stdout.readline(), "listening\n", "the peer")
        return child

    def said(place, *words, timeout_s=60):
        """What a client of the peer's program prints."""
        done = place.run([PYTHON, PEER, *words], env={"SSL_CERT_FILE": trusted}, timeout_s=timeout_s)
        check(done.returncode == 0, f"{words}: {done.stderr.decode()[-300:]}")
        return json.loads(done.stdout)

    def counted(name="connections_total", **labels):
        return agent.metric(name, **labels)

    def settled(**labels):
        """The same once the workers have reported all that went before, which they do every second."""
        time.sleep(1.3)
        return counted(**labels)

    def flows(mark=0):
        return [(field(record, "net.capture"), field(record, "net.reason")) for record in agent.records("flow")[mark:]]

    def at(ip, name="api.openai.com", port=443):
        return ["--resolve", f"{name}:{port}:{ip}"]

    with report.case("an LLM at an address that nobody resolved is intercepted at the first try: hard-coded, IPv4 and IPv6"):
        for ip in (HARD_CODED, f"[{HARD_CODED6}]"):
            answer = guarded.curl(CHAT, body("straight there"), *at(ip))
            equal(answer.status, 200, f"status at {ip}: {answer}")
            record = agent.records("decision")[-1]
            equal(field(record, "net.capture"), "proxied", "capture")
            check(field(record, "user.uid") is not None and "curl" in json.dumps(record), "the record does not name curl")
            mark = double.seen()
            equal(guarded.curl(CHAT, body(samples.secret_prompt()), *at(ip)).status, 400, "status of a secret")
            equal(double.seen(), mark, "requests at the double")
        equal([flow for flow in flows() if flow[1] == "tripwire"], [], "tripped connections")
    with report.case("and so is one in the hosts file that was written after the agent started"):
        stage.name_hosts({"api.mistral.ai": HARD_CODED})
        done = guarded.run(["curl", "-sS", "--cacert", agent.ca, "-o", "/dev/null", "-w", "%{http_code}", "-d", "{}", "https://api.mistral.ai/v1/chat/completions"])
        check(done.stdout in (b"400", b"502", b"503"), f"not answered by the agent: {done}")
    with report.case("a hello in single bytes, split over records, or after ten seconds of silence is an LLM's all the same"):
        for way in ("bytes", "records", "late"):
            issuer = said(guarded, "handshake", HARD_CODED, "443", "api.openai.com", way)["issuer"]
            check("egresswarden test ca" not in issuer, f"{way}: the provider's own certificate came through")
    with report.case("another site keeps its certificate, whatever the port, the family and the shape of the hello; no record of it is kept"):
        before, spliced = len(agent.records()), settled(capture="spliced")
        for ip, port in ((SITE, "443"), (SITE, "8443"), (SITE6, "443")):
            for way in ("whole", "bytes", "records"):
                equal(said(guarded, "handshake", ip, port, "site.example", way)["issuer"], "egresswarden test ca", f"issuer by {way}")
        wait_until(lambda: counted(capture="spliced") - spliced == 9, 5, lambda: f"nine spliced: {counted(capture='spliced') - spliced}")
        equal([record["kind"] for record in agent.records()[before:] if record["kind"] != "heartbeat"], [], "records")
    with report.case("a slow hello to another site"):
        equal(said(guarded, "handshake", SITE, "443", "site.example", "late")["issuer"], "egresswarden test ca", "issuer")
    with report.case("a hello without a name passes, and is recorded"):
        mark = len(flows())
        equal(said(guarded, "handshake", SITE, "443", "", "whole")["issuer"], "egresswarden test ca", "issuer")
        wait_until(lambda: flows(mark) == [("spliced", "no_server_name")], 5, lambda: f"a flow record: {flows(mark)}")

    serve("echo", SERVICE, "443")
    serve("greeter", SERVICE, "8443")
    with report.case("bytes that are no TLS pass both ways; each side's end is an end, in either order"):
        for order in ("client_ends_first", "server_ends_first"):
            equal(said(guarded, "echo", SERVICE, "443", order), said(direct, "echo", SERVICE, "443", order), order)
    with report.case("a server that speaks first is heard, a client that never speaks is not hung up on"):
        heard = said(guarded, "listen", SERVICE, "8443")
        equal(heard["heard"], "220 ready", "greeting")
        check(heard["seconds"] < 2, f"the greeting took {heard['seconds']} s")
        equal(said(guarded, "silent", SERVICE, "443", "3")["state"], "open", "a silent connection after three seconds")
        equal(said(guarded, "listen_half_closed", SERVICE, "8443")["heard"], "220 ready", "greeting to a client that has ended")
    with report.case("an LLM's name after a greeting, or through a proxy on such a port, is refused and recorded"):
        for way in ("after_greeting", "connect_name", "connect_address"):
            mark = len(flows())
            equal(said(guarded, "smuggle", SERVICE, "8443" if way == "after_greeting" else "443", way)["state"], "reset", way)
            wait_until(lambda: flows(mark) == [("refused", "tunnel")], 5, lambda: f"{way}: {flows(mark)}")
        last = agent.records("flow")[-1]
        equal((field(last, "net.host"), field(last, "user.uid")), ("api.openai.com", 0), "host and uid of the record")
    with report.case("a destination that refuses shows as a reset, at once"):
        refused = said(guarded, "refused", HARD_CODED, "8443")
        equal(refused["state"], "reset", "what the client saw")
        check(refused["seconds"] < 1, f"it took {refused['seconds']} s")
        wait_until(lambda: counted(capture="unreachable") == 1, 3, "it is counted")
    with report.case("the server sees the source address that the client chose"):
        equal(said(guarded, "talk", SERVICE, "443", SITE)["peer"], SITE, "where the server saw it come from")
    with report.case("a reset by either side is a reset at the other"):
        equal(said(guarded, "reset_by_server", SERVICE, "443")["state"], "reset", "what the client saw")
        equal(said(guarded, "reset_by_client", SERVICE, "443")["state"], "reset", "what the server saw")
    with report.case(f"{CONNECTIONS} connections to another site, forty at a time: each whole"):
        before = settled(capture="spliced")
        started = time.monotonic()
        result = said(guarded, "many", SERVICE, "443", str(CONNECTIONS), "40", timeout_s=200)
        equal(result, {"whole": CONNECTIONS, "failures": []}, "results")
        print(f"     {CONNECTIONS / (time.monotonic() - started):.0f} connections a second")
        wait_until(lambda: counted(capture="spliced") - before == CONNECTIONS, 5, lambda: f"counted {counted(capture='spliced') - before}")
    def download(place, port, mib):
        return said(place, "download", SERVICE, port, str(mib), timeout_s=120)

    with report.case(f"a download of {DOWNLOAD_MIB} MiB and an upload beside it arrive as they were sent, while LLM calls go on"):
        result = {}
        thread = threading.Thread(target=lambda: result.update(said(guarded, "both_ways", SERVICE, "443", str(DOWNLOAD_MIB), timeout_s=200)))
        thread.start()
        statuses = set()
        while thread.is_alive():
            statuses.add(guarded.curl(CHAT, body("meanwhile")).status)
        thread.join()
        equal((result.get("down"), result.get("up")), (True, True), "digests agree")
        equal(statuses, {200}, "statuses of LLM calls")
    with report.case("throughput of what is passed on, against direct, in one interleaved run"):
        rates = {"direct": [], "strict": []}
        spent, gigabytes = 0.0, 0.0
        for _ in range(ROUNDS):
            for name, place in (("direct", direct), ("strict", guarded)):
                pids = agent.workers()
                cpu = cpu_seconds(pids)
                got = download(place, "443", DOWNLOAD_MIB)
                check(got["whole"], "digests differ")
                rates[name].append(got["mib_per_s"])
                if name == "strict":
                    spent += cpu_seconds(pids) - cpu
                    gigabytes += DOWNLOAD_MIB / 1024
        middle = {name: statistics.median(values) for name, values in rates.items()}
        print(f"     direct {middle['direct']:.0f} MiB/s ({min(rates['direct']):.0f} to {max(rates['direct']):.0f}), passed on {middle['strict']:.0f} MiB/s "
              f"({min(rates['strict']):.0f} to {max(rates['strict']):.0f}): {middle['strict'] / middle['direct']:.2f} of direct; "
              f"{spent / gigabytes:.2f} s of CPU a GB in the workers; load {os.getloadavg()[0]:.1f}")
        check(middle["strict"] > 0.05 * middle["direct"], "hardly anything passes")
    with report.case("QUIC to anybody is refused in this mode unless the configuration says otherwise"):
        equal(said(guarded, "quic", SITE, "443")["error"], "EPERM", "sendto")
    with report.case("the same in another network namespace"):
        inner = Netns(stage)
        addresses(*inner.enter)
        inside = stage.double({f"{HARD_CODED}:443": "good", f"{SITE}:443": "good"}, within=inner.enter)
        there = Place(stage, stage.guarded.entering(*inner.enter), agent.ca)
        # Until the namespace is served, milliseconds after its first process, the tripwire stands in.
        tries = []
        wait_until(lambda: tries.append(there.curl(CHAT, body("from inside"), *at(HARD_CODED)).status) or tries[-1] == 200, 5, lambda: f"a call is intercepted: {tries}")
        check(set(tries) <= {None, 200}, f"statuses {tries}")
        equal(len(inside.requests()), 1, f"requests at the double inside, after {len(tries)} calls")
        equal(said(there, "handshake", SITE, "443", "site.example", "whole")["issuer"], "egresswarden test ca", "issuer")
        serve("greeter", SERVICE, "8443", cgroup=stage.outside.entering(*inner.enter))
        equal(said(there, "listen", SERVICE, "8443")["heard"], "220 ready", "greeting")
    with report.case("the heartbeat counts what was passed on, status names the mode"):
        status = agent.json("status")[0]
        equal(status["mode"], "strict", "mode")
        check(status["spliced"] >= CONNECTIONS, f"status says {status['spliced']} spliced")
        wait_until(lambda: field(agent.records("heartbeat")[-1], "hb.spliced") >= CONNECTIONS, 15, "a heartbeat that counts them", pause_s=0.5)
    with report.case("kill -9: known LLMs are refused, other sites go direct at once, unknown LLM addresses trip the wire"):
        mark = double.seen()
        agent.kill9()
        for _ in range(20):
            equal(said(guarded, "handshake", SITE, "443", "site.example", "whole")["issuer"], "egresswarden test ca", "issuer right after the kill")
        equal(guarded.curl(CHAT, body("while dead")).status, None, "status of a known LLM")
        time.sleep(2)
        equal(guarded.curl(CHAT, body("while dead")).status, None, "status of a known LLM, the heartbeat being stale")
        equal(said(guarded, "handshake", SITE, "443", "site.example", "whole")["issuer"], "egresswarden test ca", "issuer later")
        equal(guarded.curl(CHAT, body("while dead"), "--max-time", "3", *at(HARD_CODED)).status, None, "status at a hard-coded address")
        equal(double.requests(mark), [], "requests at the provider")
    with report.case("the next agent looks at everything again"):
        agent.start()
        equal(guarded.curl(CHAT, body("back"), *at(f"[{HARD_CODED6}]")).status, 200, "status")
        before = counted(capture="spliced")
        equal(said(guarded, "handshake", SITE, "443", "site.example", "whole")["issuer"], "egresswarden test ca", "issuer")
        wait_until(lambda: counted(capture="spliced") == before + 1, 5, "one more is spliced")
    with report.case("no room: strict mode lets what is new go its own way, watched, and takes it up again when there is room"):
        agent.stop()
        real = stage.binary("egresswardend")
        narrow = stage.folder / "narrow"
        narrow.write_text(f'#!/bin/sh\nulimit -n 600\nexec {real} "$@"\n')
        narrow.chmod(0o755)
        stage.binary = lambda name: narrow if name == "egresswardend" else real.parent / name
        agent.start()
        # 600 descriptors: fifty connections a worker; suspended at fifty of both together.
        crowd = peer(stage.guarded, "crowd", SERVICE, "443", "60", text=True, stdin=subprocess.PIPE)
        stage.at_end(crowd.kill)
        connected = json.loads(crowd.stdout.readline())["connected"]
        wait_until(lambda: agent.json("status")[0]["mode"] == "strict, suspended", 10, lambda: f"suspended, {connected} connected: {agent.json('status')[0]}")
        before = settled(capture="spliced")
        for _ in range(5):
            equal(said(guarded, "handshake", SITE, "443", "site.example", "whole")["issuer"], "egresswarden test ca", "issuer in the crowd")
        equal(settled(capture="spliced"), before, "spliced connections")
        check(guarded.curl(CHAT, body("a known one")).status == 200, "LLM calls fail in the crowd")
        crowd.stdin.close()
        crowd.wait(20)
        wait_until(lambda: agent.json("status")[0]["mode"] == "strict", 10, "strict again")
        equal(counted("strict_suspensions_total"), 1, "suspensions")
    with report.case("the log verifies"):
        agent.verify()
