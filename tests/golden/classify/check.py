#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the classifier on labelled text and demands precision and recall.

    check.py BIN [--data DIR] [--floor 0.99] [--show N]

BIN understands `classify --jsonl` and `redact --jsonl`. Without --data: the project's own generated set; every type must
reach the floor in exact precision and recall, documented examples must all be suppressed, and redacted text must rescan
clean. With --data: DIR/gen_ids.jsonl.gz, same floor. Exit code 0 or 1.
"""
import argparse
import collections
import gzip
import json
import pathlib
import subprocess
import sys

import generate

HERE = pathlib.Path(__file__).resolve().parent
OWN_MAP = {"pci": "CREDIT_CARD", "iban": "IBAN", "us.ssn": "US_SSN", "us.itin": "US_ITIN", "uk.nhs": "UK_NHS", "uk.nino": "UK_NINO",
           "es.dni_nif": "ES_DNI", "es.nie": "ES_NIE", "pii.email": "EMAIL", "pii.phone_e164": "PHONE", "pii.phone_national": "PHONE",
           "secret.aws_akid": "AWS_KEY", "secret.github": "GITHUB", "secret.openai": "OPENAI", "secret.anthropic": "ANTHROPIC",
           "secret.slack": "SLACK", "secret.stripe": "STRIPE", "secret.gitlab": "GITLAB", "secret.gcp_api_key": "GOOGLE_KEY",
           "secret.jwt": "JWT", "secret.generic_assign": None}


def run(binary, command, records):
    lines = "".join(json.dumps({"id": r["id"], "text": r["text"]}) + "\n" for r in records)
    done = subprocess.run([binary, command, "--jsonl"], input=lines.encode(), stdout=subprocess.PIPE, check=True)
    answers = [json.loads(line) for line in done.stdout.decode().splitlines()]
    if [a["id"] for a in answers] != [r["id"] for r in records]:
        sys.exit(f"{command}: answers do not match the records")
    return answers


def spans(answer, names, tiers):
    for finding in answer["findings"]:
        if finding["tier"] in tiers:
            name = names.get(finding["detector"], names.get(finding["class"], finding["detector"]))
            if name is not None:
                yield finding["start"], finding["end"], name


def score(records, answers, names, tiers, show):
    """Prints the table; returns (type, precision, recall) per type."""
    counts = collections.defaultdict(collections.Counter)
    for record, answer in zip(records, answers):
        truth = {(s["start"], s["end"], s["type"]) for s in record["spans"]}
        found = set(spans(answer, names, tiers))
        for span in truth:
            counts[span[2]]["gold"] += 1
        for span in found:
            counts[span[2]]["found"] += 1
            counts[span[2]]["right"] += span in truth
        if truth != found and show > 0:
            show -= 1
            print("   ", record["id"], repr(record["text"]), "missed", sorted(truth - found), "extra", sorted(found - truth))
    print(f"{'type':24}{'gold':>7}{'found':>7}{'right':>7}  precision  recall")
    rows = []
    for name, count in sorted(counts.items()):
        precision = count["right"] / count["found"] if count["found"] else 0.0
        recall = count["right"] / count["gold"] if count["gold"] else 0.0
        print(f"{name:24}{count['gold']:7}{count['found']:7}{count['right']:7}  {precision:9.4f}  {recall:6.4f}")
        rows.append((name, precision, recall))
    return rows


def below(rows, floor):
    return [f"{name}: precision {p:.4f}, recall {r:.4f}" for name, p, r in rows if p < floor or r < floor]


def check_own(given):
    records = list(generate.records(20261123, 60))
    answers = run(given.bin, "classify", records)
    problems = below(score(records, answers, OWN_MAP, {"validated"}, given.show), given.floor)
    for record, answer in zip(records, answers):
        tiers = {f["tier"] for f in answer["findings"]}
        if record["kind"] == "example" and tiers != {"suppressed"}:
            problems.append(f"{record['id']}: {record['text']!r} has tiers {sorted(tiers)}, wants suppressed")
    redacted = run(given.bin, "redact", records)
    again = run(given.bin, "classify", redacted)
    for before, after in zip(redacted, again):
        left = [f["detector"] for f in after["findings"] if f["tier"] != "suppressed"]
        if left:
            problems.append(f"{before['id']}: after redaction still {left} in {before['text']!r}")
    return problems


def check_data(given):
    with gzip.open(pathlib.Path(given.data) / "gen_ids.jsonl.gz", "rt") as lines:
        records = [json.loads(line) for line in lines]
    names = json.loads((HERE / "gen_ids.map.json").read_text())
    return below(score(records, run(given.bin, "classify", records), names, {"validated"}, given.show), given.floor)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("bin")
    options.add_argument("--data")
    options.add_argument("--floor", type=float, default=0.99)
    options.add_argument("--show", type=int, default=0)
    given = options.parse_args()
    problems = check_data(given) if given.data else check_own(given)
    print("\n".join(problems[:40]) if problems else "all at or above the floor")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
