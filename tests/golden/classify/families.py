#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the classifier to labelled data, family by family, and prints a table for each.

    families.py BIN DATA [FAMILY...]

DATA holds gzip'd JSON Lines by family (gen_ids, stdnum, creddata, pii_anon, meddocan, negatives, linguist, spdx). Each is reported twice: on
seven tenths of its records and on the three tenths that tuning does not look at (by SHA-256 of the id). Exit code 1 when a family is
below its floor on either part. Spans are compared exactly; secrets by overlap, since their labels differ in what they include.
"""
import collections
import gzip
import hashlib
import json
import pathlib
import sys

from check import run, spans

HERE = pathlib.Path(__file__).resolve().parent
SURE = {"validated", "asserted", "lexical"}
# Ids that name no one and open nothing; the labels call them secrets.
NO_SECRETS = {"UUID", "Nonce", "AWS S3 Bucket", "Salt", "Firebase Domain"}
STRUCTURED = {"EMAIL_ADDRESS", "PHONE_NUMBER", "SOCIAL_SECURITY_NUMBER", "IP_ADDRESS", "DATE_OF_BIRTH", "EMPLOYEE_ID", "MEDICAL_RECORD_NUMBER", "IBAN",
              "SWIFT_BIC_CODE", "INVOICE_NUMBER", "NATIONAL_ID_NUMBER", "TAX_ID", "BANK_ACCOUNT_NUMBER", "CREDIT_CARD_NUMBER", "INSURANCE_POLICY_NUMBER",
              "TIMESTAMP", "STREET_ADDRESS"}


def mapping(name):
    return json.loads((HERE / f"{name}.map.json").read_text())


def aside(record):
    return hashlib.sha256(record["id"].encode()).digest()[0] < 77


def harmonic(p, r):
    return 2 * p * r / (p + r) if p + r else 0.0


def exact(pairs, names, fold=None):
    """Counts per type of (gold, found, right)."""
    fold = fold or {}
    counts = collections.defaultdict(lambda: [0, 0, 0])
    for record, answer in pairs:
        truth = {(s["start"], s["end"], fold.get(s["type"], s["type"])) for s in record["spans"]}
        found = set(spans(answer, names, SURE))
        for span in truth:
            counts[span[2]][0] += 1
        for span in found:
            counts[span[2]][1] += 1
            counts[span[2]][2] += span in truth
    return counts


def table(counts, only=None):
    total = [0, 0, 0]
    for name, (gold, found, right) in sorted(counts.items(), key=lambda item: -item[1][0]):
        p, r = right / found if found else 0.0, right / gold if gold else 0.0
        print(f"  {name:36}{gold:7}{found:7}{right:7}   P {p:.3f} R {r:.3f} F {harmonic(p, r):.3f}")
        if only is None or name in only:
            total = [a + b for a, b in zip(total, (gold, found, right))]
    return harmonic(total[2] / max(1, total[1]), total[2] / max(1, total[0]))


def stdnum(pairs):
    names = mapping("stdnum")
    good = valid = kept = broken = 0
    modules = set()
    for record, answer in pairs:
        modules.add(record["module"])
        tiers = {f["tier"] for f in answer["findings"] if names.get(f["detector"], f["detector"]) == record["module"]}
        if record["valid"]:
            valid += 1
            good += bool(tiers & {"validated", "asserted"})
        else:
            broken += 1
            kept += "validated" not in tiers
    print(f"  {len(modules)} modules")
    return [("accepted", good / valid, 0.995), ("refused and not validated", kept / broken, 0.99)]


def gen_ids(pairs):
    names = mapping("gen_ids")
    gold = found = right = bad = 0
    for record, answer in pairs:
        truth = {(s["start"], s["end"], s["type"]) for s in record["spans"]}
        sure = set(spans(answer, names, {"validated"}))
        gold, found, right = gold + len(truth), found + len(sure), right + len(truth & sure)
        bad += sum(any(s[0] < n["end"] and n["start"] < s[1] for s in sure) for n in record.get("neg", []))
    return [("precision", right / max(1, found), 0.999), ("recall", right / gold, 0.999), ("negatives not validated", float(bad == 0), 1.0)]


def creddata(pairs):
    figures = []
    for title, skip in (("F1 without ids, nonces, buckets", NO_SECRETS), ("F1 of all labels (for comparison)", set())):
        hit = gold = right = found = 0
        for record, answer in pairs:
            secrets = [(f["start"], f["end"]) for f in answer["findings"] if f["class"] == "secret" and f["tier"] != "suppressed"]
            wanted = [s for s in record["spans"] if not skip & set(s["cat"].split(":"))]
            gold += len(wanted)
            hit += sum(any(a < s["end"] and s["start"] < b for a, b in secrets) for s in wanted)
            found += len(secrets)
            right += sum(any(a < s["end"] and s["start"] < b for s in record["spans"]) for a, b in secrets)
        p, r = right / max(1, found), hit / max(1, gold)
        print(f"  {title}: P {p:.3f} R {r:.3f}")
        figures.append((title, harmonic(p, r), 0.88 if skip else 0.0))
    return figures


def pii_anon(pairs):
    names = mapping("pii_anon")
    english = [(r, a) for r, a in pairs if r["lang"] == "en"]
    counts = exact(english, names)
    micro = table(counts)
    # The labels leave out telephone numbers of log records; what is found there is right all the same.
    types = {k: v for k, v in counts.items() if k in STRUCTURED}
    rows = [(f"English {k}", harmonic(v[2] / max(1, v[1]), v[2] / max(1, v[0])), 0.97) for k, v in types.items() if k != "PHONE_NUMBER"]
    rows.append(("English PHONE_NUMBER recall", types["PHONE_NUMBER"][2] / max(1, types["PHONE_NUMBER"][0]), 0.97))
    every = exact(pairs, names)
    total = [sum(v[i] for v in every.values()) for i in range(3)]
    return [("English micro F1", micro, 0.92), ("all languages micro F1", harmonic(total[2] / total[1], total[2] / total[0]), 0.85)] + [row for row in rows if row[1] < row[2]]


def meddocan(pairs):
    fold = {"NOMBRE_SUJETO_ASISTENCIA": "NOMBRE", "NOMBRE_PERSONAL_SANITARIO": "NOMBRE", "NUMERO_FAX": "NUMERO_TELEFONO"}
    return [("micro F1", table(exact(pairs, mapping("meddocan"), fold)), 0.93)]


def negatives(pairs):
    megabytes = sum(len(r["text"].encode()) for r, _ in pairs) / 1e6
    alarms = [(r["id"], f["detector"], r["text"].encode()[f["start"]:f["end"]].decode(errors="replace")) for r, a in pairs for f in a["findings"]
              if (f["tier"] == "validated" and f["class"] != "pii.contact") or (f["class"] == "secret" and f["tier"] != "suppressed")]
    for alarm in alarms:
        print("  ", *alarm)
    return [("alarms per MB, at most .1 (1 - alarms)", 1 - len(alarms) / megabytes, 0.9)]


def classes(name):
    def judge(pairs):
        found = sum(any(f["class"] == name for f in a["findings"]) for r, a in pairs if r["spans"])
        return [(f"records with a {name} finding", found / max(1, sum(bool(r["spans"]) for r, _ in pairs)), 0.96)]
    return judge


FAMILIES = {"stdnum": stdnum, "gen_ids": gen_ids, "creddata": creddata, "pii_anon": pii_anon, "meddocan": meddocan, "negatives": negatives,
            "linguist": classes("source_code"), "spdx": classes("licensed_text")}


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    binary, data, wanted = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:] or list(FAMILIES)
    missed = 0
    for name in wanted:
        with gzip.open(data / f"{name}.jsonl.gz", "rt") as lines:
            records = [json.loads(line) for line in lines]
        answers = run(binary, "classify", records)
        for part in (False, True):
            print(f"== {name}, {'set aside' if part else 'tuning'}")
            pairs = [(r, a) for r, a in zip(records, answers) if aside(r) == part]
            for title, figure, floor in FAMILIES[name](pairs):
                missed += figure < floor
                print(f"  {title}: {figure:.4f}" + (f" (floor {floor})" if floor else "") + (" MISSED" if figure < floor else ""))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
