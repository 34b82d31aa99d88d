#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""No surface of an LLM API is a way around the guard: dialect by position of the text by streaming by action, each cell sent
through the real agent to the double under the provider's own name. Prints the matrix; a cell that cannot exist says why."""
import base64
import gzip
import json
import os
import pathlib
import random
import re
import sys
from collections import defaultdict

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from rig import Report, Stage, check, equal, samples  # noqa: E402
from rig.agent import field  # noqa: E402
from rig.client import SOURCE  # noqa: E402
from rig.dialects import Call, load  # noqa: E402
from rig.process import wait_until  # noqa: E402

POSITIONS, ROWS = load()
TOKEN = re.compile(rb"\[PII:[A-Z_]+#[0-9a-z]+\]")
SECRET, SSN = samples.github_token(7), samples.ssn(7)
TEXTS = {"block": samples.secret_prompt(7), "redact": samples.ssn_prompt(7)}
NO_STREAM = "no call with this position answers in a stream"


def coding(body):
    return {"content-encoding": "gzip"} if isinstance(body, bytes) and body.startswith(b"\x1f\x8b") else {}


def varied(call, stream, chooser):
    """The call with other texts, other white space, other escapes, sometimes compressed."""
    words = ["tide", "harbour", "ledger", "gull", "\u00e9t\u00e9", "\U0001f30a", "lamp"]
    body = call.body(stream, {position: " ".join(chooser.choices(words, k=chooser.randint(1, 30))) for position in POSITIONS})
    if "form" in call.sample:
        return body
    body = json.dumps(json.loads(body), indent=chooser.choice([None, 0, 1, 4]), ensure_ascii=chooser.random() < 0.5).encode()
    return gzip.compress(body, mtime=0) if chooser.random() < 0.2 else body


class Cell:
    """Every call of a row that holds the position, in one form and with one action."""

    def __init__(self, row, position, stream, action):
        self.row, self.position, self.stream, self.action = row, position, stream, action
        calls = [Call(row, sample) for sample in row["calls"]]
        holding = [call for call in calls if call.holds(position)]
        self.calls = [call for call in holding if call.streams or not stream]
        self.why_not = row["absent"].get(position) or (NO_STREAM if holding and not self.calls else None)
        self.failures = []

    @property
    def name(self):
        return f"{self.row['dialect']} x {self.position} x {'stream' if self.stream else 'plain'} x {self.action}"

    @property
    def word(self):
        return "-" if not self.calls else "FAIL" if self.failures else {"block": "blocked", "redact": "redacted"}[self.done]

    @property
    def done(self):
        # A signed body must not change: what would be redacted is blocked.
        return "block" if self.row.get("signed") else self.action


with Stage("leak_matrix") as stage, Report("leak_matrix") as report:
    places = {row["host"]: f"{stage.block}.{30 + number}" for number, row in enumerate(ROWS) if row["host"] not in stage.addresses}
    stage.name_hosts(places)
    double = stage.double({f"{address}:443": "good" for address in places.values()}, names=["api.openai.com", "api.anthropic.com", *places])
    endpoints = [{"host": host, "port": 443, "tls": True, "addresses": [address], "provider": "sample",
                  "dialect": next(row.get("speaks", row["dialect"]) for row in ROWS if row["host"] == host)} for host, address in places.items()]
    policy = samples.POLICY.replace("provider: [openai, anthropic]", "provider: [openai, anthropic, sample]")
    agent = stage.agent(policy, intercept={"endpoints": endpoints})
    with report.case("the agent starts", fatal=True):
        agent.start()
    guarded = stage.guard(agent)

    def send(asked):
        """-> answers, in order, of [(call, stream, texts or body)]."""
        lines = [json.dumps({"host": call.row["host"], "port": 443, "tls": True, "path": call.path(stream), "headers": call.headers(stream) | coding(body),
                             "body": base64.b64encode(call.body(stream, body) if isinstance(body, dict) else body).decode()}) for call, stream, body in asked]
        done = guarded.run(["/usr/bin/python3", SOURCE / "many.py"], stdin="\n".join(lines).encode() + b"\n", env={"SSL_CERT_FILE": guarded.ca}, timeout_s=280)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        equal(len(answers), len(asked), f"answers ({done.stderr.decode(errors='replace')[-300:]})")
        return answers

    calls = [(Call(row, sample), stream, {}) for row in ROWS for sample in row["calls"] for stream in (False, True)
             if not stream or Call(row, sample).streams]
    with report.case(f"allowed: {len(calls)} calls of {len(ROWS)} rows reach the provider byte for byte, and are answered"):
        mark = double.seen()
        answers = send(calls)
        bad = [f"{call.row['dialect']} {call.path(stream)}: {answer.get('status', answer.get('error'))} {base64.b64decode(answer.get('body', ''))[:160]}"
               for (call, stream, _), answer in zip(calls, answers) if answer.get("status") not in (200, 201, 202)]
        check(not bad, f"{len(bad)} not answered: {bad[:5]}")
        seen = double.requests(mark)
        equal(len(seen), len(calls), "requests at the provider")
        for (call, stream, texts), request in zip(calls, seen):
            equal(request.url, call.path(stream), f"path of {call.row['dialect']}")
            equal(request.body, call.body(stream, texts), f"body of {call.row['dialect']} {request.url}")

    with report.case("answers of every dialect are read, plain and streamed: model or counts stand in the records"):
        def outcomes():
            found = agent.records("outcome")
            return found if len(found) >= len(calls) else None
        told = defaultdict(lambda: [0, 0])
        by_req = {record["req"]: record for record in wait_until(outcomes, 10, "all outcomes")}
        decisions = agent.records("decision")
        for (call, stream, _), decision in zip(calls, decisions):
            equal((field(decision, "dec.action"), field(decision, "net.host")), ("allow", call.row["host"]), f"decision on {call.path(stream)}")
            equal(field(decision, "llm.stream"), stream and call.sample["stream"] != "accept", f"llm.stream of {call.row['dialect']} {call.path(stream)}")
            outcome = by_req[decision["req"]]
            if any(field(outcome, name) for name in ("llm.tok_in", "llm.tok_out", "llm.finish")):
                told[call.row["dialect"]][stream] += 1
        for row in ROWS:
            check(told[row["dialect"]][False], f"no plain answer of {row['dialect']} was understood")
            streams = any(Call(row, sample).streams for sample in row["calls"])
            # Replicate's stream is another request, to an address that the first answer names.
            check(told[row["dialect"]][True] or not streams, f"no streamed answer of {row['dialect']} was understood")

    each = int(os.environ.get("WARDEN_IDENTITY", "20"))
    with report.case(f"byte identity: {each} generated requests of each row, as they were sent"):
        chooser = random.Random(20261126)
        made = []
        for row in ROWS:
            ways = [(call, stream) for call, stream, _ in calls if call.row is row]
            made += [(call, stream, varied(call, stream, chooser)) for number in range(each) for call, stream in [ways[number % len(ways)]]]
        mark = double.seen()
        for start in range(0, len(made), 2000):
            bad = [f"{call.row['dialect']} {call.path(stream)}: {answer}"[:300] for (call, stream, _), answer in zip(made[start:], send(made[start:start + 2000]))
                   if answer.get("status") not in (200, 201, 202)]
            check(not bad, f"{len(bad)} not answered: {bad[:3]}")
        seen = double.requests(mark)
        equal(len(seen), len(made), "requests at the provider")
        different = [call.row["dialect"] for (call, _, body), request in zip(made, seen) if request.body != body]
        check(not different, f"{len(different)} bodies were changed, of {sorted(set(different))}")

    cells = [Cell(row, position, stream, action) for row in ROWS for position in POSITIONS for stream in (False, True) for action in ("block", "redact")]
    filled = [(cell, call) for cell in cells for call in cell.calls]
    with report.case(f"the matrix: {len(cells)} cells, {len(filled)} requests", fatal=True):
        mark, before = double.seen(), len(agent.records("decision"))
        answers = send([(call, cell.stream, {cell.position: TEXTS[cell.action]}) for cell, call in filled])
        seen = iter(double.requests(mark))
        request = next(seen, None)
        decisions = agent.records("decision")[before:]
        equal(len(decisions), len(filled), "decisions recorded")
        for (cell, call), answer, decision in zip(filled, answers, decisions):
            wanted = call.body(cell.stream, {cell.position: TEXTS[cell.action]})
            status, body = answer.get("status"), base64.b64decode(answer.get("body", ""))
            where = f"{call.path(cell.stream)}: status {status} {answer.get('error', '')}"
            if field(decision, "dec.action") != cell.done or not field(decision, "cls.found"):
                cell.failures.append(f"{where}: recorded {field(decision, 'dec.action')}, reason {field(decision, 'dec.reason')}, found {field(decision, 'cls.found')}")
            elif cell.done != cell.action and field(decision, "dec.reason") != "not_editable":
                cell.failures.append(f"{where}: blocked for {field(decision, 'dec.reason')}, wanted not_editable")
            elif cell.done == "block" and (status != 400 or b"Blocked by policy" not in body):
                cell.failures.append(f"{where}: {body[:200]!r}")
            elif cell.done == "redact":
                if status not in (200, 201, 202) or request is None:
                    cell.failures.append(f"{where}: {body[:200]!r}")
                    continue
                got, request = request.body, next(seen, None)
                if SSN.encode() in got or not TOKEN.search(got) or TOKEN.sub(SSN.encode(), got) != wanted:
                    cell.failures.append(f"{where}: the provider got {got[:300]!r}")
        check(request is None, f"{1 + len(list(seen))} requests more than redacted ones reached the provider")
        for text in (SECRET, SSN):
            check(not double.contains(text, mark), "a value that policy keeps back reached the provider")

    width = max(len(position) for position in POSITIONS)
    print(f"{'':14}  {'position':{width}}  {'plain block':12} {'plain redact':12} {'stream block':12} {'stream redact':13} why not")
    grid = {(cell.row["dialect"], cell.position, cell.stream, cell.action): cell for cell in cells}
    for row in ROWS:
        for position in POSITIONS:
            four = [grid[row["dialect"], position, stream, action] for stream in (False, True) for action in ("block", "redact")]
            why = "; ".join(dict.fromkeys(cell.why_not for cell in four if cell.why_not))
            print(f"{row['dialect']:14}  {position:{width}}  {four[0].word:12} {four[1].word:12} {four[2].word:12} {four[3].word:13} {why}")
    for row in ROWS:
        with report.case(f"no leak: {row['dialect']}"):
            failures = [f"{cell.name}: {failure}" for cell in cells if cell.row is row for failure in cell.failures]
            check(not failures, f"{len(failures)} failed: " + " | ".join(failures[:4]))
            empty = [cell.name for cell in cells if cell.row is row and not cell.calls and not cell.why_not]
            check(not empty, f"cells without a request and without a reason: {empty}")
