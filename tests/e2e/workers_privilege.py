#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Workers, seen from /proc: no capability, a seccomp filter, a user of their own, no way to the log, the keys or the
BPF file system; a frozen worker makes the kernel refuse LLM destinations."""
import json
import os
import pathlib
import signal
import stat
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from rig import Report, Stage, check, equal, samples  # noqa: E402
from rig.process import run, wait_until  # noqa: E402

CHAT = "https://api.openai.com/v1/chat/completions"
BODY = json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": samples.HARMLESS}]})


def facts(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {line.split(":")[0]: line.split(":", 1)[1].split() for line in lines}


def open_files(pid, named=False):
    """`named`: but for files that never had a name, in which a worker keeps large bodies; none of them holds a byte here."""
    found = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            target, info = os.readlink(f"/proc/{pid}/fd/{name}"), os.stat(f"/proc/{pid}/fd/{name}")
        except OSError:
            continue
        if not (named and stat.S_ISREG(info.st_mode) and info.st_nlink == 0 and info.st_size == 0):
            found.append(target)
    return found


with Stage("workers") as stage, Report("workers") as report:
    double = stage.double()
    agent = stage.agent(samples.POLICY)
    with report.case("the agent starts", fatal=True):
        agent.start()
    guarded = stage.guard(agent)
    uid = stage.users[stage.worker_user]
    with report.case("there are as many workers as the config says, each with one thread", fatal=True):
        workers = agent.workers()
        equal(len(workers), 2, "child processes of the agent")
        equal([facts(pid)["Threads"] for pid in workers], [["1"]] * 2, "threads")
    with report.case("no capability in any set"):
        for pid in workers:
            got = {name: facts(pid)[name][0].lstrip("0") for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")}
            equal(got, dict.fromkeys(got, ""), f"capabilities of worker {pid}")
    with report.case("a seccomp filter and no new privileges"):
        equal([(facts(pid)["Seccomp"], facts(pid)["NoNewPrivs"]) for pid in workers], [(["2"], ["1"])] * 2, "Seccomp, NoNewPrivs")
    with report.case("an own user and group, no others"):
        for pid in workers:
            equal((facts(pid)["Uid"], facts(pid)["Gid"], facts(pid)["Groups"]), ([str(uid)] * 4, [str(uid)] * 4, []), f"credentials of worker {pid}")
    with report.case("the supervisor runs as root and is not a worker"):
        equal(facts(agent.daemon.pid)["Uid"][0], "0", "uid of the supervisor")
    with report.case("they cannot open the log, the keys or the BPF file system"):
        places = [agent.state_dir, agent.folder / "trust", pathlib.Path(agent.config["bpffs_dir"])]
        secrets = [path for place in places for path in place.rglob("*") if path.is_file() and not path.name.endswith((".pem", ".crt"))]
        check(any("log" in path.name or path.suffix in (".db", ".sqlite") for path in secrets), f"the log is not among {secrets}")
        check(any("key" in path.name for path in secrets), f"no key is among {secrets}")
        readable = []
        for path in secrets:
            done = run(["sh", "-c", 'exec 3<"$0"', path], uid=uid)
            if done.returncode == 0:
                readable.append(str(path))
        equal(readable, [], "files the workers' user can open")
        check(run(["ls", stage.bpffs / pathlib.Path(agent.config["bpffs_dir"]).name], uid=uid).returncode != 0, "the workers' user can list the pins")
    with report.case("none of it is open in a worker already"):
        for pid in workers:
            bad = [name for name in open_files(pid, named=True) if any(str(place) in name for place in (agent.state_dir, agent.folder / "trust")) or ".db" in name or name.endswith(".key")]
            equal(bad, [], f"open files of worker {pid}")
    with report.case("keys are for root alone"):
        loose = [str(path) for path in agent.folder.rglob("*") if path.is_file() and "key" in path.name and stat.S_IMODE(path.stat().st_mode) & 0o077]
        equal(loose, [], "keys that others may read")
    with report.case("a frozen worker makes the kernel refuse LLM destinations, and they work again when it goes on"):
        equal(guarded.curl(CHAT, BODY).status, 200, "status before")
        victim = workers[0]
        os.kill(victim, signal.SIGSTOP)
        try:
            frozen = time.monotonic()
            answer = wait_until(lambda: (got := guarded.curl(CHAT, BODY, "--max-time", "3")).exit == 7 and got, 30, "curl is refused", pause_s=0.2)
            print(f"  refused {time.monotonic() - frozen:.1f} s after the worker froze")
            equal(answer.status, None, "status")
        finally:
            if pathlib.Path(f"/proc/{victim}").exists():
                os.kill(victim, signal.SIGCONT)
        wait_until(lambda: guarded.curl(CHAT, BODY, "--max-time", "3").status == 200, 30, "calls pass again", pause_s=0.3)
    with report.case("a killed worker is replaced and calls pass again"):
        os.kill(workers[0] if pathlib.Path(f"/proc/{workers[0]}").exists() else agent.workers()[0], signal.SIGKILL)
        wait_until(lambda: len(agent.workers()) == 2 and guarded.curl(CHAT, BODY, "--max-time", "3").status == 200, 30, "two workers and a call", pause_s=0.3)
