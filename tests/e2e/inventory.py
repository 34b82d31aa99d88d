#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Coverage: who talks to which LLM endpoint and how it is treated. First by an agent that only observes, without an authority,
a policy or workers, whose life and death no application notices; then by one that intercepts."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from rig import Report, Stage, check, equal, samples  # noqa: E402
from rig.agent import field  # noqa: E402
from rig.apiserver import ApiServerDouble, pod  # noqa: E402
from rig.client import Place  # noqa: E402
from rig.process import children_of, command, environment, run, wait_until  # noqa: E402
from rig.runtime import Runtime  # noqa: E402

OPENAI = "api.openai.com"
CHAT = f"https://{OPENAI}/v1/chat/completions"
MESSAGES = "https://api.anthropic.com/v1/messages"
BODY = json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": samples.secret_prompt()}]})
HARMLESS = json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": samples.HARMLESS}]})
SHARED, FOREIGN = "shared.example", "foreign.example"  # no LLMs, on the addresses of two
POD = "0b5f2f6e-8c7a-4a3e-9d54-3f0a6f1f6a11"
# Sends half of a request, waits for a line, sends the rest; prints the certificate's issuer, then the whole answer's status line.
HALVES = """
import socket, ssl, sys
host, ca, body = sys.argv[1:]
leg = ssl.create_default_context(cafile=ca).wrap_socket(socket.create_connection((host, 443)), server_hostname=host)
print(dict(pair[0] for pair in leg.getpeercert()["issuer"])["commonName"], flush=True)
whole = f"POST /v1/chat/completions HTTP/1.1\\r\\nHost: {host}\\r\\nContent-Type: application/json\\r\\nConnection: close\\r\\nContent-Length: {len(body)}\\r\\n\\r\\n{body}".encode()
leg.sendall(whole[:len(whole) // 2])
sys.stdin.readline()
leg.sendall(whole[len(whole) // 2:])
print(leg.makefile("rb").readline().decode().strip(), flush=True)
"""
DATAGRAMS = """
import socket, sys
for _ in range(2):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for _ in range(3): s.sendto(b"x", (sys.argv[1], 443))
"""
RAW = "import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)"


class Proxy(threading.Thread):
    """A CONNECT proxy outside the guarded tree."""

    def __init__(self, address, target):
        super().__init__(daemon=True)
        self.target, self.server = target, socket.create_server((address, 3128))
        self.start()

    def run(self):
        while True:
            threading.Thread(target=self.serve, args=[self.server.accept()[0]], daemon=True).start()

    def serve(self, client):
        client.recv(4096)
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        there = socket.create_connection(self.target)
        for source, sink in ((client, there), (there, client)):
            threading.Thread(target=self.copy, args=[source, sink], daemon=True).start()

    @staticmethod
    def copy(source, sink):
        try:
            while block := source.recv(65536):
                sink.sendall(block)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


class Halves:
    """A request that is half sent."""

    def __init__(self, place):
        argv = command(["/usr/bin/python3", "-c", HALVES, OPENAI, place.ca, BODY], place.cgroup, place.uid)
        self.child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(), text=True)
        self.issuer = self.child.stdout.readline().strip()

    def finish(self):
        said, _ = self.child.communicate("go\n", timeout=20)
        return said.strip()


def count(rows, key="connections", **wanted):
    """Sum over the rows that have these values; a value may be a function."""
    fits = [row for row in rows if all(want(row[name]) if callable(want) else row[name] == want for name, want in wanted.items())]
    return sum(row[key] for row in fits)


def inventory(agent, *words):
    return agent.json("inventory", *words)[0]["inventory"]


with Stage("inventory", slices=True) as stage, Report("inventory") as report:
    stage.name_hosts({SHARED: stage.addresses[OPENAI], FOREIGN: stage.addresses["api.anthropic.com"]})
    double = stage.double(names=[OPENAI, "api.anthropic.com", SHARED, FOREIGN])
    runtime = Runtime(stage)
    api = ApiServerDouble(stage.folder / "apiserver")
    stage.at_end(api.end)
    container = os.urandom(32).hex()
    api.put(pod("shop", "web-7d-x", POD, "assistant", {"app": "web"}, "ReplicaSet/web-7d", [(container, "web", "registry.example/web:1", "sha256:" + "2" * 64)]))
    # Every choice that refuses is made: none has an effect.
    observer = stage.agent("", intercept={"mode": "observe", "on_agent_down": "refuse", "existing": "reset", "raw_sockets": "refuse", "unknown_quic": "refuse"},
                           identity={"kubernetes": api.config, "runtime_root": runtime.host})
    observer.policy_file.unlink()
    place = Place(stage, stage.guarded, double.ca)
    store = pathlib.Path("/etc/ssl/certs/ca-certificates.crt").read_bytes()

    with report.case("observing starts without a policy, makes no authority, no workers and no listener", fatal=True):
        older = Halves(place)
        observer.start()
        check(not (observer.folder / "trust").exists(), "an authority was made")
        equal(pathlib.Path("/etc/ssl/certs/ca-certificates.crt").read_bytes() == store, True, "the trust store is as it was")
        equal(children_of(observer.daemon.pid), [], "workers")
        wait_until(lambda: observer.json("status")[0]["ready"], 5, "readiness")
    with report.case("a connection that is older goes on, though existing ones were to be reset"):
        time.sleep(1)
        equal(older.finish(), "HTTP/1.1 200 OK", "answer")

    def new_flows(mark, number=1, seconds=5):
        return wait_until(lambda: (found := observer.records("flow")[mark:]) and len(found) >= number and found, seconds, f"{number} flow records")

    with report.case("curl and Python of two users reach the provider itself, byte for byte"):
        mark, seen = len(observer.records("flow")), double.seen()
        equal(place.as_user("ew-alice").curl(CHAT, BODY).status, 200, "status")
        equal(place.as_user("ew-bob").python(MESSAGES, BODY)["status"], 200, "status")
        equal([request.body for request in double.requests(seen)], [BODY.encode()] * 2, "bodies at the provider")
        halves = Halves(place)
        equal((halves.issuer, halves.finish()), ("egresswarden test ca", "HTTP/1.1 200 OK"), "issuer and answer")
        flows = new_flows(mark, 3)
        equal([(field(f, "net.capture"), field(f, "dec.verdict"), field(f, "dec.action"), field(f, "net.host"), field(f, "llm.provider")) for f in flows],
              [("observed", "not_evaluated", "observe", OPENAI, "openai"), ("observed", "not_evaluated", "observe", "api.anthropic.com", "anthropic"),
               ("observed", "not_evaluated", "observe", OPENAI, "openai")], "records")
        equal([field(f, "user.uid") for f in flows[:2]], [stage.users["ew-alice"], stage.users["ew-bob"]], "users")
        check(all(field(f, "proc.exe_sha256") for f in flows), "no digest of an executable")
    with report.case("a systemd unit, a container of runc, and a pod are named"):
        mark = len(observer.records("flow"))
        equal(place.inside("search.service").curl(CHAT, HARMLESS).status, 200, "status")
        equal(place.inside(f"kubepods/burstable/pod{POD}/{container}").curl(CHAT, HARMLESS).status, 200, "status")
        identity = os.urandom(32).hex()
        bundle = pathlib.Path(runtime.host / "run/containerd/io.containerd.runtime.v2.task/k8s.io") / identity
        runtime.import_image()
        started = runtime.start("ew-client", {double.ca: "/mnt/roots.pem"}, stage.guarded.child("containers"))
        done = runtime.inside("ew-client", ["curl", "-sS", "--cacert", "/mnt/roots.pem", "-o", "/dev/null", "-w", "%{http_code}", "-d", HARMLESS, CHAT])
        equal(done, "200", "status")
        flows = new_flows(mark, 3)
        equal(field(flows[0], "unit"), "search.service", "unit")
        equal({name: field(flows[1], f"pod.{name}") for name in ("ns", "name", "sa")}, {"ns": "shop", "name": "web-7d-x", "sa": "assistant"}, "pod")
        equal((field(flows[2], "container.id"), field(flows[2], "container.runtime")), (started, "podman"), "container")
        for by, name in (("unit", "search.service"), ("pod", "shop/web-7d-x"), ("container", f"{started[:12]} localhost/ew/client:1")):
            rows = {row[by]: row for row in inventory(observer, "--by", by)}
            equal((rows[name]["not_inspected"], rows[name]["providers"]), (1, ["openai"]), f"{by} {name}")
    with report.case("a tunnel, datagrams and a raw socket pass, and are seen"):
        Proxy(f"{stage.block}.9", (stage.addresses[OPENAI], 443))
        mark = len(observer.records("flow"))
        answer = place.as_user("ew-alice").curl(CHAT, HARMLESS, "--proxy", f"http://{stage.block}.9:3128")
        equal(answer.status, 200, f"status ({answer})")
        equal(place.run(["/usr/bin/python3", "-c", DATAGRAMS, stage.addresses[OPENAI]]).returncode, 0, "datagrams")
        equal(place.run(["/usr/bin/python3", "-c", RAW]).returncode, 0, "a raw socket")
        flows = new_flows(mark, 4)
        equal(sorted((field(f, "net.capture"), field(f, "net.reason")) for f in flows),
              [("observed", "quic"), ("observed", "quic"), ("observed", "raw_socket"), ("observed", "tunnel")], "records")
        equal(count(inventory(observer, "--capture", "tunnel"), user="ew-alice", host=OPENAI), 1, "tunnels")
    with report.case("the inventory: by user and provider, filtered, and the same from the log"):
        rows = inventory(observer)
        equal(count(rows, user="ew-alice", provider="openai", reason="observe"), 1, "alice's")
        equal(count(rows, user="ew-bob", provider="anthropic", exe=lambda path: "python3" in path, script=lambda path: path.endswith("call.py")), 1, "bob's")
        equal({row["capture"] for row in rows}, {"observed"}, "captures")
        users = {row["user"]: row for row in inventory(observer, "--by", "user")}
        equal((users["ew-alice"]["not_inspected"], users["ew-bob"]["not_inspected"]), (2, 1), "not inspected")
        equal(inventory(observer, "--capture", "intercepted"), [], "intercepted ones")

        def known(found):
            names = ("user", "exe", "unit", "pod", "container", "provider", "host", "capture", "reason", "connections")
            return sorted(tuple(str(row[name]) for name in names) for row in found)
        equal(known(inventory(observer, "--since", "1h")), known(rows), "rows from the log")
        text = observer.command("inventory").stdout.decode()
        check(text.startswith("CAPTURE") and "0 intercepted" in text, text)
    with report.case("status and doctor say the mode, and the state of the pod watch, in words"):
        status = observer.json("status")[0]
        equal((status["mode"], status["workers"], status["policy"], status["kubernetes"]["state"]), ("observe", None, None, "watching"), "status")
        check("nothing is redirected" in status["mode_means"], status["mode_means"])
        checks = {row["check"]: row for row in json.loads(observer.command("doctor", "--json", ok=(0, 1)).stdout)["checks"]}
        check(any(name.startswith("mode observe") for name in checks), f"doctor: {list(checks)}")
        check(not any("policy" in name or "worker" in name for name in checks), f"doctor asks for what is not needed: {list(checks)}")
        watch = next(row for name, row in checks.items() if name.startswith("pods from"))
        equal(watch["ok"], True, f"{watch}")
    with report.case("killed, away, started again, upgraded, stopped: no application notices, and what came meanwhile is recorded"):
        running = Halves(place)
        mark, seen = len(observer.records("flow")), double.seen()
        observer.kill9()
        time.sleep(2)  # longer than stale_after
        equal(place.as_user("ew-alice").curl(CHAT, BODY).status, 200, "status while it is dead")
        equal(running.finish(), "HTTP/1.1 200 OK", "a request across its death")
        equal([request.body for request in double.requests(seen)], [BODY.encode()] * 2, "bodies at the provider")
        running = Halves(place)
        observer.start()
        equal(running.finish(), "HTTP/1.1 200 OK", "a request across its start")
        flows = new_flows(mark, 2)
        check(any(field(f, "user.uid") == stage.users["ew-alice"] for f in flows), f"{len(flows)} records")
        running = Halves(place)
        (observer.run_dir / "ready").unlink()
        observer.daemon.send(signal.SIGUSR2)
        wait_until((observer.run_dir / "ready").exists, 15, "the next program")
        equal(running.finish(), "HTTP/1.1 200 OK", "a request across its upgrade")
        check(observer.daemon.running(), "another process")
        running = Halves(place)
        observer.stop()
        equal(running.finish(), "HTTP/1.1 200 OK", "a request across its stop")
        equal(place.curl(CHAT, HARMLESS).status, 200, "status after its stop")
        observer.verify()
    with report.case("without an agent the log tells, over every run"):
        rows = inventory(observer)
        equal(count(rows, user="ew-alice", provider="openai", reason="observe"), 2, "alice's")
        check(count(rows, unit="search.service") == 1 and count(rows, pod="web-7d-x") == 1, "unit and pod")
        check("from the log" in observer.command("inventory").stdout.decode(), "it does not say so")
    observer.remove()

    agent = stage.agent(samples.POLICY, identity={"kubernetes": "off", "runtime_root": runtime.host})
    with report.case("an agent that intercepts starts", fatal=True):
        agent.start()
    guarded = stage.guard(agent)
    with report.case("intercepted, blocked, spliced, refused, untrusting: each is counted as what it was"):
        equal(guarded.as_user("ew-alice").curl(CHAT, HARMLESS).status, 200, "status")
        equal(guarded.as_user("ew-alice").curl(CHAT, BODY).status, 400, "status")
        equal(guarded.as_user("ew-bob").inside("search.service").curl(CHAT, HARMLESS).status, 200, "status")
        equal(guarded.curl(f"https://{SHARED}/", None, "--cacert", double.ca).exit, 0, "curl's exit")
        guarded.curl(f"https://{FOREIGN}/", None, "--cacert", double.ca)
        check(guarded.as_user("ew-carol").curl(CHAT, HARMLESS, "--cacert", double.ca, "--capath", "/nowhere").status is None, "an untrusting client was served")
        guarded.run(["/usr/bin/python3", "-c", DATAGRAMS, stage.addresses[OPENAI]])

        def complete():
            found = inventory(agent)
            return found if count(found, user="ew-carol") and count(found, reason="quic") and count(found, capture="spliced") else None
        rows = wait_until(complete, 5, "all rows")
        equal([count(rows, key, user="ew-alice", capture="proxied") for key in ("connections", "requests", "blocked")], [2, 2, 1], "alice's")
        check(count(rows, "sent_bytes", user="ew-alice", capture="proxied") >= len(HARMLESS), "bytes sent")
        equal(count(rows, user="ew-bob", capture="proxied", unit="search.service"), 1, "bob's")
        equal([(row["capture"], row["reason"]) for row in rows if row["host"] in (SHARED, FOREIGN)], [("spliced", "shared_front"), ("refused", "foreign_name")], "by name")
        equal({row["capture"] for row in rows if row["user"] == "ew-carol"}, {"refused"}, "carol's")
        equal({row["capture"] for row in rows if row["reason"] == "quic"}, {"refused"}, "datagrams")
        providers = {row["provider"]: row for row in inventory(agent, "--by", "provider")}
        equal([providers["openai"][key] for key in ("not_inspected", "intercepted", "requests", "blocked")], [0, 3, 3, 1], "openai")
        equal([row["capture"] for row in inventory(agent)][0], "spliced", "what is not inspected comes first")
    with report.case("killed within a heartbeat, nothing that was recorded is missing"):
        agent.kill9()
        rows = inventory(agent)
        equal([count(rows, key, user="ew-alice", capture="proxied") for key in ("requests", "blocked")], [2, 1], "alice's")
        equal(count(rows, user="ew-carol", capture="refused") > 0, True, "carol's")
    with report.case("a table that is larger than a heartbeat: the rest is counted without names"):
        agent.start()
        for number in range(80):
            guarded.inside(f"job-{number}.service").curl(CHAT, HARMLESS, "--cacert", double.ca, "--capath", "/nowhere")
        agent.stop()
        beats = [beat for beat in agent.records("heartbeat") if field(beat, "hb.flows")]
        check(all(len(field(beat, "hb.flows")) <= 64 and len(json.dumps(beat)) < 60_000 for beat in beats), "a heartbeat that is too large")
        equal(count(inventory(agent), capture="refused", reason=lambda why: why != "quic" and why != "foreign_name"), 80 + 1, "connections")
    with report.case("the catalogue: paths and the header of the credential"):
        rows = agent.json("inventory", "--catalogue")[0]["catalogue"]
        openai = next(row for row in rows if row["host"] == OPENAI)
        equal((openai["provider"], openai["dialect"], openai["credential"]), ("openai", "openai", "authorization"), "openai's")
        check("CREDENTIAL" in agent.command("inventory", "--catalogue").stdout.decode(), "no such column")
    with report.case("the mode may not be another word"):
        agent.config["intercept"]["mode"] = "watch"
        agent.write_config()
        done = run([stage.binary("egresswardend"), "--check", "--config", agent.config_file])
        check(done.returncode == 2 and b"observe" in done.stderr, done.stderr.decode())
