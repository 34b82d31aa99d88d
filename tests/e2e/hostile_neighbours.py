#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What an ordinary user of the host may try against the others and against the agent: taking over their connections' identity,
having other services' addresses taken for an LLM's, and keeping the agent so busy that the kernel refuses everybody."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from rig import Report, Stage, check, equal, samples  # noqa: E402
from rig.agent import field  # noqa: E402
from rig.process import command, environment, wait_until  # noqa: E402

CHAT = "https://api.openai.com/v1/chat/completions"
NAMESPACES = 400
PYTHON = "/usr/bin/python3"

# Connects, says from which port, and aborts.
ABORT = """
import random, socket, struct
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("", random.randint(20000, 30000)))  # below the range in which other suites leave ports in quarantine
s.connect(("api.openai.com", 443))
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
print(s.getsockname()[1], flush=True)
"""
# Speaks TLS to the workers' port from a port of its choice.
IMPOSTOR = """
import socket, ssl, sys
source, listener, ca, body = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4].encode()
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
try:
    s.bind(("127.0.0.1", source))
except OSError:
    sys.exit(print("port taken"))
s.settimeout(5)
try:
    s.connect(("127.0.0.1", listener))
    leg = ssl.create_default_context(cafile=ca).wrap_socket(s, server_hostname="api.openai.com")
    leg.sendall(b"POST /v1/chat/completions HTTP/1.1\\r\\nHost: api.openai.com\\r\\nContent-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)
    print(leg.recv(65536).split(b"\\r\\n")[0].decode() or "closed")
except OSError as error:
    print("closed", error)
"""
# A service that speaks first, as databases and mail servers do.
SERVICE = """
import socket, sys, threading
def serve(c):
    c.sendall(b"ready\\n")
    while (data := c.recv(100)):
        c.sendall(data)
l = socket.create_server((sys.argv[1], int(sys.argv[2])))
print("listening", flush=True)
while True:
    threading.Thread(target=serve, args=(l.accept()[0],), daemon=True).start()
"""
CLIENT = """
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
print(s.recv(100).decode().strip(), flush=True)
for line in sys.stdin:
    try:
        s.sendall(line.encode())
        print(s.recv(100).decode().strip() or "closed", flush=True)
    except OSError as error:
        print("lost", error, flush=True)
"""
LIE = """
import socket, ssl, sys
try:
    ssl._create_unverified_context().wrap_socket(socket.create_connection((sys.argv[1], int(sys.argv[2])), 3), server_hostname=sys.argv[3])
except OSError as error:
    print(error)
"""
# Hellos on accepted sockets, whose owner no hook saw connecting.
BACKWARDS = """
import socket, ssl, threading, time
l = socket.create_server(("127.0.0.1", 0))
end = time.monotonic() + 6
def drain(c):
    try:
        while c.recv(4096): pass
    except OSError: pass
while time.monotonic() < end:
    out = socket.create_connection(l.getsockname())
    threading.Thread(target=drain, args=(out,), daemon=True).start()
    back, _ = l.accept()
    back.settimeout(0.02)
    try: ssl._create_unverified_context().wrap_socket(back, server_hostname="api.openai.com")
    except OSError: pass
    out.close()
"""
HOARD = """
import os, resource, time
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
held = os.open("/dev/null", os.O_RDONLY)
try:
    for _ in range(20000): os.dup(held)
except OSError: pass
print("holding", flush=True)
time.sleep(120)
"""


def body(text):
    return json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": text}]})


with Stage("neighbours") as stage, Report("neighbours") as report:
    double = stage.double()
    agent = stage.agent(samples.POLICY)
    with report.case("the agent starts", fatal=True):
        agent.start()
    guarded = stage.guard(agent)
    alice, bob = guarded.as_user("ew-alice"), guarded.as_user("ew-bob")

    def start(code, *words, user=None, cgroup=None):
        argv = command([PYTHON, "-c", code, *words], cgroup or stage.guarded, stage.users[user] if user else None, with_parent=True)
        child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(), cwd="/")
        stage.at_end(child.kill)
        return child

    def listener():
        """The workers' port, from what an ordinary user can see."""
        ports = {}
        for line in open("/proc/net/tcp").read().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and words[1].startswith("0100007F:"):
                ports.setdefault(int(words[1].split(":")[1], 16), []).append(words[9])
        return [port for port, inodes in ports.items() if len(inodes) == 2]

    def abort_and_take_over():
        """-> what the workers' port answered to another user at the port of alice's aborted connection"""
        workers = agent.workers()
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        victim = start(ABORT, user="ew-alice")
        port = victim.stdout.readline().strip()
        victim.wait(5)
        ports = listener()
        check(ports, "no port with two listeners")
        impostors = [start(IMPOSTOR, port, each, agent.ca, body("whose words are these"), user="ew-bob", cgroup=stage.outside) for each in ports]
        time.sleep(0.3)
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
        return [child.communicate(timeout=20)[0].strip() for child in impostors]

    with report.case("a connection aborted before it was accepted leaves its identity to nobody"):
        for _ in range(5):  # somebody else may have been given the port meanwhile
            answers = abort_and_take_over()
            if "port taken" not in answers:
                break
        check(all(answer.startswith("closed") for answer in answers), f"the impostor was answered {answers}")
        equal(agent.records("decision"), [], "decisions")
        equal(double.requests(), [], "requests at the provider")
    with report.case("a process that sends and is gone before it is looked at is still recorded as itself"):
        equal(alice.curl(CHAT, body("as ever")).status, 200, "status")
        equal(field(agent.records("decision")[-1], "user.uid"), stage.users["ew-alice"], "uid")
    place = (f"{stage.block}.70", "5432")
    service = start(SERVICE, *place, cgroup=stage.outside)
    service.stdout.readline()
    with report.case("a lie about another service's address cuts nobody off: connections that are there, and new ones"):
        before = start(CLIENT, *place, user="ew-alice")
        equal(before.stdout.readline().strip(), "ready", "greeting")
        start(LIE, *place, "api.openai.com", user="ew-bob").communicate(timeout=10)
        before.stdin.write("still there?\n")
        before.stdin.flush()
        equal(before.stdout.readline().strip(), "still there?", "echo on the old connection")
        after = start(CLIENT, *place, user="ew-alice")
        equal(after.stdout.readline().strip(), "ready", "greeting of a new connection")
    with report.case("the same at an LLM's own port: what is not an LLM's goes through undecrypted, and is recorded as such"):
        place = (f"{stage.block}.71", "443")
        start(SERVICE, *place, cgroup=stage.outside).stdout.readline()
        before = start(CLIENT, *place, user="ew-alice")
        equal(before.stdout.readline().strip(), "ready", "greeting")
        start(LIE, *place, "api.openai.com", user="ew-bob").communicate(timeout=10)
        before.stdin.write("and now?\n")
        before.stdin.flush()
        equal(before.stdout.readline().strip(), "and now?", "echo on the old connection")
    with report.case("a foreign name at an address that a client taught is recorded as what it is"):
        place = (f"{stage.block}.72", "443")
        stage.double(listen={":".join(place): "good"})
        start(LIE, *place, "api.anthropic.com", user="ew-bob").communicate(timeout=10)
        start(LIE, *place, "foo.example", user="ew-bob").communicate(timeout=10)
        last = wait_until(lambda: [flow for flow in agent.records("flow") if field(flow, "net.host") == "foo.example"], 5, "a flow record")[-1]
        equal((field(last, "net.capture"), field(last, "net.reason")), ("spliced", "learned_address"), "capture and reason")
    with report.case("hellos on accepted sockets, beside processes with 200,000 descriptors, stop no one's calls"):
        hoard = [start(HOARD, user="ew-bob") for _ in range(10)]
        for child in hoard:
            equal(child.stdout.readline().strip(), "holding", "the hoard")
        noise = start(BACKWARDS, user="ew-bob")
        statuses = []
        while noise.poll() is None:
            statuses.append(alice.curl(CHAT, body("in the noise")).status)
        check(len(statuses) > 5 and set(statuses) == {200}, f"statuses {statuses}")
        for child in hoard:
            child.kill()
    with report.case(f"{NAMESPACES} namespaces of a user: a worker that dies is replaced all the same, and so is the agent"):
        crowd = [subprocess.Popen(command(["unshare", "--user", "--map-root-user", "--net", "sleep", "600"], stage.guarded, stage.users["ew-bob"], with_parent=True), env=environment()) for _ in range(NAMESPACES)]
        stage.at_end(lambda: [child.kill() for child in crowd])
        wait_until(lambda: agent.json("status")[0]["namespaces"] >= NAMESPACES, 60, "all are served", pause_s=0.5)
        equal(alice.curl(CHAT, body("in the crowd")).status, 200, "status")
        os.kill(agent.workers()[0], signal.SIGKILL)
        # Until the new one is ready the kernel refuses, as it does whenever a worker is missing for more than a moment.
        wait_until(lambda: len(agent.workers()) == 2 and {alice.curl(CHAT, body(f"{number}")).status for number in range(10)} == {200}, 30, "ten calls in a row pass again", pause_s=0.2)
        agent.stop(20)
        agent.start(20)
        wait_until(lambda: {alice.curl(CHAT, body(f"{number}")).status for number in range(10)} == {200}, 20, "ten calls in a row after a restart", pause_s=0.2)
        for child in crowd:
            child.kill()
    with report.case("the log verifies"):
        agent.verify()
