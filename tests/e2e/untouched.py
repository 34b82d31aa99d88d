#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is not ours is not touched: a process outside the guarded cgroup, and a guarded process that talks to something
else, meet the real peer's certificate, and the agent counts no connection."""
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from rig import Report, Stage, check, equal, samples  # noqa: E402
from rig.agent import field  # noqa: E402
from rig.process import run, wait_until  # noqa: E402

CHAT = "https://api.openai.com/v1/chat/completions"
BODY = json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": samples.secret_prompt()}]})
OTHER = "files.example"
SHARED, FOREIGN = "shared.example", "foreign.example"  # no LLMs, on the addresses of two
# Prints the peer and issuer that a client sees.
WHO = """
import socket, ssl, sys
name, ca = sys.argv[1:]
leg = ssl.create_default_context(cafile=ca).wrap_socket(socket.create_connection((name, 443)), server_hostname=name)
issuer = dict(pair[0] for pair in leg.getpeercert()["issuer"])
print(leg.getpeername()[0], issuer["commonName"], sep="|")
"""

with Stage("untouched") as stage, Report("untouched") as report:
    stage.name_hosts({OTHER: f"{stage.block}.7", SHARED: stage.addresses["api.openai.com"], FOREIGN: stage.addresses["api.anthropic.com"]})
    double = stage.double({f"{stage.block}.7:443": "good", f"{stage.block}.7:8080": "plain"}, names=["api.openai.com", "api.anthropic.com", OTHER, SHARED, FOREIGN])
    agent = stage.agent(samples.POLICY)
    with report.case("the agent starts", fatal=True):
        agent.start()
    guarded, direct = stage.guard(agent), stage.direct()

    def seen():
        """All that the agent and the kernel half count of connections."""
        time.sleep(1.3)  # workers report their counters once a second
        status = agent.json("status")[0]
        guard = {name: status["guard"][name] for name in ("redirected", "refused")}
        return agent.metric("connections_total"), len(agent.records("decision")) + len(agent.records("flow")), status["flows"], guard

    def who(place, name, ca):
        done = place.run(["/usr/bin/python3", "-c", WHO, name, ca])
        check(done.returncode == 0, f"{name}: {done.stderr.decode()[-300:]}")
        return done.stdout.decode().strip()

    with report.case("a call in the guarded cgroup is seen (so the next cases mean something)"):
        before = seen()
        equal(guarded.curl(CHAT, BODY).status, 400, "status")
        check(seen() != before, f"counters did not move: {before}")
        check("egresswarden test ca" not in who(guarded, "api.openai.com", guarded.ca), "the provider's own certificate came through")
    with report.case("outside the guarded cgroup an LLM call goes direct, secret and all"):
        before = seen()
        mark = double.seen()
        equal(direct.curl(CHAT, BODY).status, 200, "status")
        equal([request.body for request in double.requests(mark)], [BODY.encode()], "bodies at the provider")
        equal(who(direct, "api.openai.com", double.ca), f"{stage.addresses['api.openai.com']}|egresswarden test ca", "peer and issuer")
        equal(seen(), before, "connections, records, flows and what the kernel redirected or refused")
    with report.case("inside, another HTTPS destination goes direct"):
        before = seen()
        equal(who(guarded, OTHER, double.ca), f"{stage.block}.7|egresswarden test ca", "peer and issuer")
        mark = double.seen()
        answer = guarded.curl(f"https://{OTHER}/v1/chat/completions", BODY, "--cacert", double.ca)
        equal((answer.status, [request.body for request in double.requests(mark)]), (200, [BODY.encode()]), "status and bodies")
        equal(seen(), before, "connections, records, flows and what the kernel redirected or refused")
    with report.case("inside, plain HTTP elsewhere goes direct"):
        before = seen()
        equal(guarded.curl(f"http://{OTHER}:8080/v1/models").status, 200, "status")
        equal(seen(), before, "connections, records, flows and what the kernel redirected or refused")
    with report.case("a name that is no LLM's, on a front that is known to be shared, is spliced undecrypted and recorded"):
        mark = len(agent.records("flow"))
        equal(who(guarded, SHARED, double.ca), f"{stage.addresses['api.openai.com']}|egresswarden test ca", "peer and issuer")
        flows = [(field(record, "net.capture"), field(record, "net.host")) for record in agent.records("flow")[mark:]]
        equal(flows, [("spliced", SHARED)], "flow records")
    with report.case("such a name on an LLM's own address is no way around: refused and recorded"):
        mark, seen_before = len(agent.records("flow")), double.seen()
        answer = guarded.curl(f"https://{FOREIGN}/v1/messages", BODY, "--cacert", double.ca)
        check(answer.status in (None, 0), f"answered {answer}")
        equal(double.requests(seen_before), [], "requests at the provider")
        wait_until(lambda: len(agent.records("flow")) > mark, 10, "a flow record")  # nobody waits for the commit of a refusal
        flows = [(field(record, "net.capture"), field(record, "net.reason")) for record in agent.records("flow")[mark:]]
        equal(flows, [("refused", "foreign_name")], "flow records")
    with report.case("bpftool: our programs hang on the guarded cgroup alone"):
        def attached(cgroup):
            done = run(["bpftool", "-j", "cgroup", "show", cgroup.path])
            return sorted({program.get("attach_type") for program in json.loads(done.stdout.strip() or b"[]") or []})
        check(any("inet4_connect" in (kind or "") for kind in attached(stage.guarded)), f"guarded has {attached(stage.guarded)}")
        equal(attached(stage.outside), [], "programs on the cgroup outside")
        equal(attached(stage.base), [], "programs on the parent cgroup")
    with report.case("after `down` nothing is attached or pinned"):
        agent.command("trust", "remove", ok=None)
        agent.stop()
        agent.remove()
        stage.guarded.path.mkdir(exist_ok=True)
        equal(attached(stage.guarded), [], "programs on the guarded cgroup")
        pins = pathlib.Path(agent.config["bpffs_dir"])
        equal(sorted(pins.glob("**/*")) if pins.exists() else [], [], "pins")
        equal(who(guarded, "api.openai.com", double.ca), f"{stage.addresses['api.openai.com']}|egresswarden test ca", "peer and issuer")
        trusted = pathlib.Path("/etc/ssl/certs/ca-certificates.crt").read_text()
        check(pathlib.Path(guarded.ca).read_text().strip() not in trusted, "the system store still trusts the authority")
        left = [str(path) for place in ("/etc/ssl/certs", "/usr/local/share") for path in pathlib.Path(place).rglob("*egresswarden*")]
        equal(left, [], "files left in trust stores")
