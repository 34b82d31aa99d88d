#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Large bodies wait in unnamed files: they arrive byte for byte, leave nothing behind, and a disk that takes no more is a 503
with a record and not the end of a worker."""
import gzip
import json
import os
import pathlib
import re
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from rig import Report, Stage, check, equal, samples  # noqa: E402
from rig import namespace  # noqa: E402
from rig.agent import field  # noqa: E402
from rig.process import wait_until  # noqa: E402

CHAT = "https://api.openai.com/v1/chat/completions"
MIB = 1 << 20
WORKERS, FILES = 2, 32


def body(text, size=0):
    return json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": text + "tide " * (size // 5)}]})


def spooled(agent, pid):
    """Sizes of the files below the state directory that a worker has open; all of them without a name."""
    sizes = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        place = f"/proc/{pid}/fd/{name}"
        if os.readlink(place).startswith(str(agent.state_dir)):
            info = os.stat(place)
            equal(info.st_nlink, 0, f"names of {os.readlink(place)}")
            sizes.append(info.st_size)
    return sizes


def uid_of(pid):
    return int(re.search(r"^Uid:\t(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)[1])


def leave(folder, bytes_left):
    """Takes what the file system has but for so much."""
    info = os.statvfs(folder)
    with open(folder / "ballast", "wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, info.f_bavail * info.f_frsize - bytes_left))


with Stage("large_bodies") as stage, Report("large_bodies") as report:
    double = stage.double()
    agent = stage.agent(samples.POLICY, limits={"body_bytes_max": "16MiB", "bodies_bytes_max": "64MiB", "spool_bodies_over": "256KiB"})
    agent.state_dir.mkdir()
    namespace.mount("-t", "tmpfs", "-o", "size=96m", "tmpfs", agent.state_dir)
    stage.at_end(lambda: namespace.drop(agent.state_dir))
    with report.case("the agent starts", fatal=True):
        agent.start()
    guarded = stage.guard(agent)
    with report.case("each worker has its files, empty and without a name"):
        equal([spooled(agent, pid) for pid in agent.workers()], [[0] * FILES] * WORKERS, "sizes")
    for name, words, encode in (("as it is", [], str.encode), ("chunked", ["-H", "transfer-encoding: chunked"], str.encode),
                                ("in gzip", ["-H", "content-encoding: gzip"], lambda text: gzip.compress(text.encode(), 0))):
        with report.case(f"a body of 8 MiB arrives byte for byte: {name}"):
            mark, sent = double.seen(), encode(body("", 8 * MIB))
            equal(guarded.curl(CHAT, sent, *words).status, 200, "status")
            check([request.body for request in double.requests(mark)] == [sent], "another body at the provider")
            wait_until(lambda: sum(sum(spooled(agent, pid)) for pid in agent.workers()) == 0, 5, "the files are empty again")
    with report.case("one with a number in it arrives edited, and is recorded so"):
        mark, number = double.seen(), samples.ssn()
        equal(guarded.curl(CHAT, body(f"The social security number (SSN) is {number}, ", 8 * MIB)).status, 200, "status")
        text = double.requests(mark)[0].body
        check(number.encode() not in text and b"[PII:" in text, f"not edited: {text[:200]}")
        equal(field(agent.records("decision")[-1], "dec.action"), "redact", "action")
    with report.case("a worker that is started again gets files of its own"):
        first = agent.workers()
        os.kill(first[0], signal.SIGKILL)
        wait_until(lambda: len(agent.workers()) == WORKERS and first[0] not in agent.workers(), 20, "another worker")
        # Between fork and exec it still holds what the supervisor does.
        wait_until(lambda: all(uid_of(pid) == stage.users[stage.worker_user] for pid in agent.workers()), 10, "both without privileges")
        wait_until(lambda: [spooled(agent, pid) for pid in agent.workers()] == [[0] * FILES] * WORKERS, 10, "files in both")
        wait_until(lambda: guarded.curl(CHAT, body("", MIB), "--max-time", "3").status == 200, 20, "a large body passes", pause_s=0.3)
    with report.case("a disk without room for it: 503 in the provider's shape, a record, and the same workers go on"):
        workers, mark = agent.workers(), double.seen()
        leave(agent.state_dir, 4 * MIB)
        answer = guarded.curl(CHAT, body("", 8 * MIB))
        equal(answer.status, 503, f"status of {answer.body[:300]}")
        equal(answer.json()["error"]["code"], "not_evaluated", "code")
        equal(len(double.requests(mark)), 0, "requests at the provider")
        last = agent.records("decision")[-1]
        equal((field(last, "dec.verdict"), field(last, "dec.action"), field(last, "dec.reason")), ("not_evaluated", "block", "unreadable:body_spool"), "decision")
        equal(guarded.curl(CHAT, body("small")).status, 200, "status of a small call right after")
        equal(agent.workers(), workers, "workers")
        wait_until(lambda: agent.metric("not_evaluated_total", reason="unreadable:body_spool"), 5, "it is counted")
    with report.case("room returns: it passes again"):
        (agent.state_dir / "ballast").unlink()
        equal(guarded.curl(CHAT, body("", 8 * MIB)).status, 200, "status")
    with report.case("nothing with a name was left, and the log verifies"):
        equal([path.name for path in agent.state_dir.iterdir() if "spool" in path.name], [], "files")
        agent.verify()
