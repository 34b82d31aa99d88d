#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every evasion against every structured detector: what is found in clean text is found when it is hidden, and redaction takes
exactly the bytes that stand for the value.

    evasion_matrix.py BIN [--count N] [--seed N] [--floor 0.98] [--only FORM] [--kind KIND] [--show N]

BIN understands `segments` (tests/unit/classify/cli_main.cc). Prints one row per evasion, one column per kind: the share, in
per cent, of the values found in clean text that are found and removed; "." where the form says nothing about the kind. A cell
below the floor, or text that still has findings after redaction, is a failure: exit code 1.
"""
import argparse
import base64
import collections
import json
import string
import subprocess
import sys

import evasions
import generate
from generate import ALNUM, DIGITS, UPPER, pick


def secret_of(size):
    """Random enough for every threshold, and never a run of one kind."""
    return lambda rng: "".join(rng.choice(a) for a in [string.ascii_lowercase, DIGITS, UPPER, string.ascii_lowercase] * 20)[:size]


def password(rng):
    return rng.choice(["Tr0ub", "Blau", "Kite", "m0ther"]) + pick(rng, DIGITS, 3) + rng.choice("!#-_") + pick(rng, string.ascii_letters, 4)


def pem(rng):
    body = base64.b64encode(bytes([0x30, 0x82, 0x04, 0xBD]) + rng.randbytes(185)).decode()
    lines = "\n".join(body[i:i + 64] for i in range(0, len(body), 64))
    return f"-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----"


def fine(rng):
    return "github_pat_" + pick(rng, ALNUM, 22) + "_" + pick(rng, ALNUM, 59)


def npm(rng):
    payload = pick(rng, ALNUM, 30)
    return "npm_" + payload + generate.base62_crc(payload)


def good_of(maker):
    return lambda rng: maker(rng)[0]


def labelled(labels):
    named = [label for label in labels if label] or ["value"]
    return lambda rng: rng.choice(named) + ": "


KINDS = [(kind, good_of(maker), labelled(labels), " and so on") for kind, maker, labels in generate.KINDS] + [
    ("NPM", npm, labelled(["NPM_TOKEN"]), " and so on"), ("GITHUB_FINE", fine, labelled(["GITHUB_TOKEN"]), " and so on"),
    ("AWS_SECRET", secret_of(40), labelled(["aws_secret_access_key"]), "\n"), ("PASSWORD", password, lambda rng: 'password = "', '"\n'),
    ("API_SECRET", secret_of(28), lambda rng: 'client_secret = "', '"\n'), ("BEARER", secret_of(36), lambda rng: "Authorization: Bearer ", "\n"),
    ("URL_PASSWORD", password, lambda rng: "see postgres://app:", "@db.acme.io/main"), ("PEM", pem, lambda rng: "key:\n", "\n")]
# What a form makes unreadable for a kind by the kind's own grammar; each with its reason.
CANNOT = {
    ("form text", "URL_PASSWORD"): "the userinfo of a URL ends where its own escapes are encoded",
}


class Engine:
    def __init__(self, binary):
        self.binary = binary

    def answers(self, texts):
        lines = "".join(json.dumps({"id": i, "segments": parts}) + "\n" for i, parts in enumerate(texts))
        done = subprocess.run([self.binary, "segments"], input=lines.encode(), stdout=subprocess.PIPE, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]


def offsets(parts):
    at, out = 0, []
    for part in parts:
        out.append(at)
        at += len(part.encode())
    return out


def edited(parts, edits):
    out = [part.encode() for part in parts]
    for edit in reversed(edits):
        part = out[edit["segment"]]
        out[edit["segment"]] = part[:edit["start"]] + edit["text"].encode() + part[edit["end"]:]
    return [part.decode(errors="replace") for part in out]


def hits(answer, starts, begin, end):
    """Detectors that saw the value."""
    return {f["detector"] for f in answer["findings"] if f["tier"] != "suppressed" and
            starts[f["segment"]] + f["start"] < end and starts[f["segment"]] + f["end"] > begin}


def removed(answer, starts, begin, end):
    """True: the edits on the value cover it and nothing beside it."""
    spans = sorted((starts[e["segment"]] + e["start"], starts[e["segment"]] + e["end"]) for e in answer["edits"])
    spans = [s for s in spans if s[0] < end and s[1] > begin]
    if not spans or spans[0][0] != begin or spans[-1][1] != end:
        return False
    return all(a[1] == b[0] for a, b in zip(spans, spans[1:]))


def measure(engine, given):
    kinds = [k for k in KINDS if not given.kind or k[0] in given.kind.split(",")]
    cases = [c for c in evasions.cases(kinds, given.count, given.seed) if c[1] is None or not given.only or c[1] in given.only.split(",")]
    answers = engine.answers([c[2] for c in cases])
    again = engine.answers([edited(c[2], a["edits"]) for c, a in zip(cases, answers)])
    clean, cells, left, show = set(), collections.defaultdict(collections.Counter), [], given.show
    for (kind, form, parts, begin, end), answer, after in zip(cases, answers, again):
        starts = offsets(parts)
        found = hits(answer, starts, begin, end)
        if form is None:
            clean = found
        if not clean:
            continue
        cell = cells[form, kind]
        ok, exact = bool(found & clean), removed(answer, starts, begin, end)
        cell["clean"] += 1
        cell["found"] += ok
        cell["exact"] += ok and exact
        still = [f["detector"] for f in after["findings"] if f["tier"] != "suppressed"]
        if still:
            left.append((form, kind, still))
        if not (ok and exact) and show > 0:
            show -= 1
            print("   ", form, kind, repr(parts), [begin, end], "clean:", clean, "found:", answer["findings"], answer.get("status", ""))
    return [k[0] for k in kinds], cells, left


def percent(cell, what):
    return 100 * cell[what] // cell["clean"]


def report(kinds, cells, left, floor):
    problems = []
    print(f"{'':22}" + "".join(f" {kind[:6]:>6}" for kind in kinds))
    for number, name in [(0, None)] + [(n, name) for n, name, _ in evasions.FORMS]:
        row = ""
        for kind in kinds:
            cell = cells.get((name, kind))
            if cell is None or not cell["clean"]:
                row += f" {'.':>6}"
                continue
            ok = cell["exact"] >= floor * cell["clean"]
            excused = (name, kind) in CANNOT
            row += f" {percent(cell, 'exact'):5}" + (" " if ok else "x" if excused else "!")
            if not ok and not excused:
                problems.append(f"{name or 'clean'} x {kind}: found {percent(cell, 'found')} %, removed exactly {percent(cell, 'exact')} % of {cell['clean']}")
        if row.strip(" ."):
            print(f"{number or '':>2} {name or 'clean':19}" + row)
    for number, reason in evasions.NOT_HERE.items():
        print(f"{number:>2} not here: {reason}")
    for (form, kind), reason in CANNOT.items():
        print(f"   x {form} x {kind}: {reason}")
    problems += [f"after redaction of {form} x {kind} still {still}" for form, kind, still in left]
    return problems


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("bin")
    options.add_argument("--count", type=int, default=50)
    options.add_argument("--seed", type=int, default=20261126)
    options.add_argument("--floor", type=float, default=0.98)
    options.add_argument("--only", default="")
    options.add_argument("--kind", default="")
    options.add_argument("--show", type=int, default=0)
    given = options.parse_args()
    problems = report(*measure(Engine(given.bin), given), given.floor)
    print("\n".join(problems[:60] + ([f"... {len(problems)} in all"] if len(problems) > 60 else [])) or "every cell at or above the floor")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
