#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SIGUSR2: the agent becomes the program at its path; running streams go on, new calls are served, every exchange has its two
records. What `kill -9` does to streams instead."""
import json
import pathlib
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from rig import Report, Stage, check, equal, samples  # noqa: E402
from rig.agent import field  # noqa: E402
from rig.client import SOURCE, Place  # noqa: E402
from rig.netns import Netns  # noqa: E402
from rig.process import Daemon, command, environment, run, wait_until  # noqa: E402
from rig.ways import ALERTS  # noqa: E402

HOST = "api.openai.com"
CHAT = f"https://{HOST}/v1/chat/completions"
STREAMS, CUT_STREAMS, INNER_STREAMS = 200, 200, 40
GAP_MS, EVENTS = 250, 100


def body(text):
    return json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": text}]})


class Streams:
    """A client program that holds them, begun in a place; `end()` is what became of each."""

    def __init__(self, place, count, gap_ms, events):
        argv = ["/usr/bin/python3", SOURCE / "streams.py", HOST, 443, count, gap_ms, events]
        self.child = subprocess.Popen(command(argv, place.cgroup), stdout=subprocess.PIPE, env=environment({"SSL_CERT_FILE": place.ca}))
        line = self.child.stdout.readline()
        check(line == b"begun\n", f"not every stream began: {line[:400]!r}")

    def end(self, seconds=10):
        line = self.child.stdout.readline()
        self.child.wait(seconds)
        return json.loads(line)


class Calls(threading.Thread):
    """New calls, one after the other, until told to stop."""

    def __init__(self, place, name):
        super().__init__(daemon=True)
        self.place, self.name, self.answers, self.stopped = place, name, [], False

    def run(self):
        while not self.stopped:
            self.answers.append(self.place.curl(CHAT, body(f"{self.name} {len(self.answers)}")))


class Pins(threading.Thread):
    """Looks all the time whether the guarded cgroup has its programs."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path, self.counts, self.stopped = path, [], False

    def run(self):
        while not self.stopped:
            shown = run(["bpftool", "-j", "cgroup", "show", self.path])
            self.counts.append(len(json.loads(shown.stdout or b"[]")))
            time.sleep(0.05)


with Stage("upgrade") as stage, Report("upgrade") as report:
    double = stage.double(names=[HOST])
    agent = stage.agent(samples.POLICY)
    with report.case("the agent starts", fatal=True):
        agent.start()
    guarded = stage.guard(agent)

    def starts():
        return [record["start"]["reason"] for record in agent.records("start")]

    def workers():
        """What `status` says of them; nothing while one program becomes the next."""
        done = agent.command("status", "--json", ok=None)
        return json.loads(done.stdout)["workers"] if done.returncode == 0 else {"ready": None, "adopted": None}

    def upgrade():
        """Until the new program serves with workers of its own and has told the earlier ones to end."""
        before = len(starts())
        agent.daemon.send(signal.SIGUSR2)
        wait_until(lambda: len(starts()) > before, 20, lambda: f"the new program's start record: {agent.daemon.tail()}")
        wait_until(lambda: workers()["ready"] == 2, 20, "its workers are ready")
        time.sleep(3)

    def own_exchanges():
        """Of each request the kinds and ends of its records."""
        found = {}
        for record in agent.records():
            if record["kind"] == "decision":
                found.setdefault(record["req"], []).append("decision")
            if record["kind"] == "outcome":
                found.setdefault(record["req"], []).append(record["out"]["end"])
        return found

    with report.case("what the streams are without an agent"):
        direct = Streams(stage.direct(), STREAMS // 2, 0, EVENTS).end()
        check(all(one["whole"] for one in direct), "the direct streams ended whole")

    pid, watch = agent.daemon.pid, Pins(stage.guarded.path)
    loads = [Calls(guarded, f"load{number}") for number in range(2)]
    with report.case(f"{STREAMS} streams run through two upgrades and are as they are without"):
        first, before = Streams(guarded, STREAMS // 2, GAP_MS, EVENTS), set(agent.workers())
        for thread in (watch, *loads):
            thread.start()
        time.sleep(1)
        upgrade()
        second = Streams(guarded, STREAMS // 2, GAP_MS, EVENTS)
        upgrade()
        equal(first.child.poll(), None, "the status of the first streams' client, which should still run")
        check(before <= set(agent.workers()), "the first workers still serve")
        equal(workers()["adopted"], 4, "workers of earlier programs")
        for streams in (first, second):
            through = streams.end()
            equal([one for one in through if one["error"]], [], "streams that were cut")
            equal([one["digest"] for one in through], [one["digest"] for one in direct], "bytes")
    with report.case("new calls succeeded all the time"):
        for load in loads:
            load.stopped = True
        for load in loads:
            load.join(40)
        answers = [answer for load in loads for answer in load.answers]
        check(len(answers) > 20, f"only {len(answers)} calls")
        equal([answer for answer in answers if answer.status != 200], [], "calls that failed")
    with report.case("the pins were never absent"):
        watch.stopped = True
        watch.join(5)
        equal(set(watch.counts), {max(watch.counts)}, "programs at the guarded cgroup")
    with report.case("it is one process; its log says that it was upgraded"):
        equal(agent.daemon.pid, pid, "pid")
        check(agent.daemon.running(), "the agent runs")
        equal(starts(), ["started", "upgraded", "upgraded"], "start records")
    with report.case("each exchange has one decision and one outcome, and none is lost"):
        wanted = STREAMS + len(answers)
        wait_until(lambda: sum(len(kinds) for kinds in own_exchanges().values()) >= 2 * wanted, 10, "an outcome for each decision")
        exchanges = own_exchanges()
        equal(len(exchanges), wanted, "exchanges")
        equal({tuple(kinds) for kinds in exchanges.values()}, {("decision", "complete")}, "records of an exchange")
        agent.verify()
    with report.case("earlier workers end when their streams have"):
        wait_until(lambda: workers()["adopted"] == 0, 10, "no earlier worker is left")
        equal(len(agent.workers()), 2, "workers")
    with report.case("with a configuration that is wrong, the running program goes on"):
        good = agent.config_file.read_text()
        agent.config_file.write_text(good + "nonsense: 1\n")
        agent.daemon.send(signal.SIGUSR2)
        wait_until(lambda: "not upgraded" in agent.daemon.log.read_text(), 10, "the agent refuses")
        agent.config_file.write_text(good)
        equal(agent.records("config_change")[0]["cfg"]["result"], "refused", "the record")
        check("nonsense" in agent.daemon.log.read_text(), "the log names the mistake")
        equal(guarded.curl(CHAT, body("after a refused upgrade")).status, 200, "status")
        equal(len(starts()), 3, "start records")
    with report.case("with a policy that is wrong too"):
        said = agent.daemon.log.read_text().count("not upgraded")
        agent.policy_file.write_text("nonsense: 1\n")
        agent.daemon.send(signal.SIGUSR2)
        wait_until(lambda: agent.daemon.log.read_text().count("not upgraded") > said, 15, "the agent refuses")
        agent.policy_file.write_text(samples.POLICY)
        equal(guarded.curl(CHAT, body("after another")).status, 200, "status")
        equal(len(starts()), 3, "start records")
    with report.case(f"kill -9 during {CUT_STREAMS} streams: refused until it is back, and their outcomes are `lost`"):
        streams = Streams(guarded, CUT_STREAMS, GAP_MS, EVENTS)
        settled = set(own_exchanges())
        agent.kill9()
        cut = streams.end()
        equal([one for one in cut if one["whole"]], [], "streams that the kill did not cut")
        time.sleep(2.5)
        mark = double.seen()
        equal(guarded.curl(CHAT, body("while dead")).exit, 7, "curl's exit: could not connect")
        equal(double.requests(mark), [], "requests at the provider")
        agent.start()
        equal(guarded.curl(CHAT, body("after restart")).status, 200, "status")
        wait_until(lambda: all(len(kinds) == 2 for kinds in own_exchanges().values()), 10, "an outcome for each decision")
        lost = [req for req, kinds in own_exchanges().items() if kinds == ["decision", "lost"]]
        equal(len(lost), CUT_STREAMS, "lost exchanges")
        check(set(lost) <= settled, "nothing but the streams was lost")
        agent.verify()
    with report.case("an upgrade is not taken for somebody's tampering"):
        equal([field(record, "net.reason") for record in agent.records("flow") if field(record, "net.reason") in ALERTS], [], "records")
    with report.case("nothing reached the provider unrecorded"):
        reached = [request for request in double.requests() if request.url.endswith("completions")]
        equal(len(reached) - STREAMS // 2, len(own_exchanges()), "requests at the provider, without the direct ones")
    with report.case("network namespaces are served on, also one in which nobody lives just now"):
        inner, idle = Netns(stage), Netns(stage)
        there = stage.double({f"{stage.addresses[HOST]}:443": "good"}, within=inner.enter)
        within = Place(stage, stage.guarded.entering(*inner.enter), agent.ca)
        alone = Place(stage, stage.guarded.entering(*idle.enter), agent.ca)
        equal((within.curl(CHAT, body("inside")).status, alone.curl(CHAT, body("no provider here")).status), (200, 502), "statuses")
        settled, load = set(own_exchanges()), Calls(within, "inside")
        streams = Streams(within, INNER_STREAMS, GAP_MS, EVENTS)
        load.start()
        for _ in range(2):
            upgrade()
            equal(agent.json("status")[0]["namespaces"], 2 + bool(stage.within), "namespaces served")
            equal(alone.curl(CHAT, body("still none")).status, 502, "status of the first call after the upgrade")
        equal(streams.child.poll(), None, "the status of the streams' client, which should still run")
        load.stopped = True
        load.join(40)
        through = streams.end(60)
        equal([one for one in through if one["error"]], [], "streams that were cut")
        equal([one["digest"] for one in through], [one["digest"] for one in direct[:INNER_STREAMS]], "bytes")
        check(len(load.answers) > 10, f"only {len(load.answers)} calls")
        equal([answer for answer in load.answers if answer.status != 200], [], "calls that failed")
        reached = [request for request in there.requests() if request.url.endswith("completions")]
        equal(len(reached), 1 + INNER_STREAMS + len(load.answers), "requests at the provider inside")
        wait_until(lambda: all(len(kinds) == 2 for kinds in own_exchanges().values()), 10, "an outcome for each decision")
        fresh = [kinds for req, kinds in own_exchanges().items() if req not in settled]
        equal(len(fresh), INNER_STREAMS + len(load.answers) + 2, "exchanges")
    with report.case("SIGTERM during an upgrade's drain ends all streams whole"):
        streams = Streams(guarded, 5, 100, 60)
        upgrade()
        status = agent.stop(30)
        equal([one for one in streams.end() if not one["whole"]], [], "streams that were cut")
        equal(status, 0, "the agent's exit status")
    with report.case("what was left cannot be read: the agent starts as after a restart"):
        ready = agent.run_dir / "ready"
        check(not ready.exists(), "the agent that ended is still ready")
        start = ["sh", "-c", 'exec "$0" --config "$1" --resume 3 3</dev/null', stage.binary("egresswardend"), agent.config_file]
        agent.daemon = Daemon(start, agent.folder / "log-resumed")
        stage.daemons.append(agent.daemon)
        agent.daemon.wait_for(ready, 20, "the agent")
        check("streams are cut" in agent.daemon.log.read_text(), "the log says what is lost")
        equal(guarded.curl(CHAT, body("after a failed one")).status, 200, "status")
        equal(starts()[-1], "upgraded", "the reason of its start record")
        agent.verify()
