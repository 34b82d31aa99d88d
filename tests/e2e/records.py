#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records name the right process, executable, user and login user, also where that is hard."""
import hashlib
import json
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from rig import Report, Stage, check, equal, samples  # noqa: E402
from rig.agent import field  # noqa: E402
from rig.process import command, environment, pid_inside, pid_of, wait_until  # noqa: E402

CHAT = "https://api.openai.com/v1/chat/completions"
BODY = json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": samples.HARMLESS}]})

# Speaks TLS by hand. `leave` exits when the last byte is written; `fork` connects in one process and talks in its child.
RAW = """
import os, socket, ssl, sys
way, ca, body = sys.argv[1], sys.argv[2], sys.argv[3].encode()
plain = socket.create_connection(("api.openai.com", 443))
owner = os.getpid()
if way == "fork" and os.fork() != 0:
    os.wait()
    os._exit(0)
leg = ssl.create_default_context(cafile=ca).wrap_socket(plain, server_hostname="api.openai.com")
head = "POST /v1/chat/completions HTTP/1.1\\r\\nHost: api.openai.com\\r\\nContent-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body)
print(owner, os.getpid(), leg.getpeername()[0] if way == "peer" else "", flush=True)
leg.sendall(head.encode() + body)
if way == "leave":
    os._exit(0)
print(leg.recv(65536).split(b"\\r\\n")[0].decode())
"""


CURL, PYTHON = shutil.which("curl"), "/usr/bin/python3"

with Stage("records") as stage, Report("records") as report:
    double = stage.double()
    agent = stage.agent(samples.POLICY)
    with report.case("the agent starts", fatal=True):
        agent.start()
    guarded = stage.guard(agent)

    def digest(program):
        """Of the file that the client executes, which in a container is the image's."""
        return hashlib.sha256(stage.seen_by_clients(program).resolve().read_bytes()).hexdigest()

    words = ["--http1.1", "-sS", "--cacert", guarded.ca, "-o", "/dev/null", "-w", "%{http_code}", "-d", BODY, CHAT]

    def ran_as(done):
        """The pid of what has ended: in a container its runtime knows, else it said so itself."""
        return pid_of(done) if stage.containers else int(done.stdout.split()[0])

    def decision_of_pid(pid):
        found = wait_until(lambda: agent.records("decision", proc__pid=pid), 5, f"a decision record of pid {pid}")
        equal(len(found), 1, f"decision records of pid {pid}")
        return found[0]

    with report.case("two users at once, twenty calls each: each record names its own process and user"):
        running = []
        for turn in range(20):
            for user in ("ew-alice", "ew-bob"):
                uid = stage.users[user]
                argv = command([CURL, *words], stage.guarded, uid, loginuid=uid + 1000)
                running.append((uid, subprocess.Popen(argv, stdout=subprocess.PIPE, env=environment())))
        wrong = []
        for uid, child in running:
            status = child.communicate(timeout=60)[0]
            if status != b"200":
                wrong.append((uid, status))
        equal(wrong, [], "calls that failed")
        # sh, setpriv and curl replace each other by exec, so the pid is that of what was started.
        by_pid = {field(record, "proc.pid"): record for record in agent.records("decision")}
        for uid, child in running:
            record = by_pid.get(pid_of(child))
            check(record, f"no decision record of pid {pid_of(child)}")
            got = [field(record, name) for name in ("user.uid", "user.gid", "user.loginuid", "proc.comm", "proc.exe_sha256")]
            equal(got, [uid, uid, uid + 1000, "curl", digest(CURL)], f"identity of pid {pid_of(child)}")
    with report.case("a shell script's curl: the curl is named, not the shell"):
        script = stage.folder / "job.sh"
        script.write_text("#!/bin/sh\nbody=$1 ca=$2 url=$3\ncurl --http1.1 -sS --cacert \"$ca\" -o /dev/null -d \"$body\" \"$url\" &\necho $!\nread asked\nwait\n")
        script.chmod(0o755)
        # The shell waits for a line before it buries curl, so that curl's number can be looked up.
        shell = subprocess.Popen(command([script, BODY, guarded.ca, CHAT], stage.guarded, stage.users["ew-alice"]), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 env=environment())
        pid = pid_inside(pid_of(shell), int(shell.stdout.readline()))
        shell.communicate(b"go\n", timeout=20)
        record = decision_of_pid(pid)
        equal((field(record, "proc.comm"), field(record, "proc.exe_sha256"), field(record, "user.uid")), ("curl", digest(CURL), 61001), "comm, digest, uid")
    with report.case("a process that exits right after sending"):
        done = guarded.as_user("ew-bob").run([PYTHON, "-c", RAW, "leave", guarded.ca, BODY])
        record = decision_of_pid(ran_as(done))
        equal((field(record, "proc.exe_sha256"), field(record, "user.uid")), (digest(PYTHON), 61002), "digest, uid")
        wait_until(lambda: agent.records("outcome", req=record["req"]), 10, "its outcome record")
    with report.case("a fork after connect: the owner is who called connect()"):
        mark = len(agent.records("decision"))
        done = guarded.as_user("ew-bob").run([PYTHON, "-c", RAW, "fork", guarded.ca, BODY])
        owner, talker = done.stdout.split()[:2]
        check(owner != talker, "the test did not fork")
        check(b"200" in done.stdout, f"the call failed: {done.stdout!r} {done.stderr[-300:]!r}")
        decision_of_pid(ran_as(done))
        equal(len(agent.records("decision")), mark + 1, "decision records: the process that only talked has none")
    with report.case("getpeername shows the address the application asked for"):
        done = guarded.run([PYTHON, "-c", RAW, "peer", guarded.ca, BODY])
        equal(done.stdout.split()[2].decode(), stage.addresses["api.openai.com"], "peer address")
    with report.case("each decision has one outcome, numbers are dense, the log verifies"):
        records = agent.records()
        equal([int(record["seq"]) for record in records], list(range(len(records))), "seq")
        decisions = [record["req"] for record in records if record["kind"] == "decision"]
        wait_until(lambda: len(agent.records("outcome")) >= len(decisions), 10, "an outcome for each decision")
        outcomes = [record["req"] for record in agent.records("outcome")]
        equal(sorted(outcomes), sorted(decisions), "outcomes and decisions")
        agent.verify()
