#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the number table with python3-stdnum on numbers made from a seed.

    oracle.py BIN [--seed N] [--per-type N] [--show N]

Each type's cases (`yes` of policy/classify/tables/numbers_*.txt) are changed digit by digit; python3-stdnum says which of the
results are valid. Each stands behind the type's longest label: a valid one must be found by the type, one that is not valid must
not be found `validated` by it. Types that python3-stdnum does not know are listed. Exit code 1 below 150 modules, below .995 of
the valid accepted, or below .99 of the others not validated.
"""
import argparse
import importlib
import json
import pathlib
import random
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
TABLES = HERE.parents[2] / "policy/classify/tables"
# Where this oracle is known to be of another mind than the issuer, and why.
DIFFERENT = {
    "ar.cuit": "prefixes 25 and 26 are issued", "ca.sin": "first digits 0 and 8 are not issued", "us.itin": "groups 50-65 are issued since 2013",
    "fr.nif": "check by modulo 511", "kr.brn": "no check", "al.nipt": "M is issued", "es.postal_code": "", "tw.ubn": "the check of 2023",
    "id.npwp": "16 digits since 2022", "ro.onrc": "the form of 2024", "eu.nace": "the register's names are not here", "cfi": "attributes are not here", "bic": "the country is looked up", "sk.rc": "the same number as cz.rc",
    "us.tin": "found as us.ssn", "us.atin": "found as us.itin",
    "cz.bankaccount": "banks are not here",
    "isil": "agencies are not here", "imsi": "networks are not here", "mac": "makers are not here", "us.ein": "", "de.hr": "courts are not here",
    "nz.bankaccount": "branches are ranges here", "in.aadhaar": "", "dk.cpr": "", "fi.hetu": "century marks of 2023", "lv.pvn": "", "my.nric": "",
}


def types():
    current = None
    for path in sorted(TABLES.glob("numbers_*.txt")):
        for line in path.read_text().splitlines():
            if line and not line.startswith(("#", " ")):
                current = {"id": line.split()[0]}
                yield current
            elif line.startswith("  ") and not line.startswith("    "):
                name, _, rest = line.strip().partition(" ")
                current[name] = [part.strip() for part in rest.split(" | ")]


def module_of(name, names):
    module = names.get(name, name)
    if module is None:
        return None
    try:
        return importlib.import_module(f"stdnum.{module}")
    except ImportError:
        return None


def changed(rng, value):
    """The value with one to four of its digits or letters replaced by others of their kind."""
    places = [i for i, c in enumerate(value) if c.isalnum() and c.isascii()]
    out = list(value)
    for place in rng.sample(places, min(len(places), rng.randrange(1, 5))):
        out[place] = rng.choice("0123456789" if out[place].isdigit() else "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    return "".join(out)


def numbers(rng, kind, module, wanted):
    """Up to `wanted` valid numbers and as many that are not."""
    valid, broken = set(), set()
    for _ in range(wanted * 60):
        value = changed(rng, rng.choice(kind["yes"]))
        try:
            good = module.is_valid(value)
        except Exception:  # the oracle itself fails on some
            continue
        pool = valid if good else broken
        if len(pool) < wanted:
            pool.add(value)
        if len(valid) == wanted and len(broken) == wanted:
            break
    return sorted(valid), sorted(broken)


def cases(given):
    names = json.loads((HERE / "stdnum.map.json").read_text())
    rng = random.Random(given.seed)
    unknown = []
    for kind in list(types()):
        module = module_of(kind["id"], names)
        if module is None or "yes" not in kind:
            unknown.append(kind["id"])
            continue
        for good, pool in zip((True, False), numbers(rng, kind, module, given.per_type)):
            for value in pool:
                yield kind["id"], good, value, f"{max(kind['labels'], key=len)}: {value}"
    print("not known to this oracle:", " ".join(unknown))


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("bin")
    options.add_argument("--seed", type=int, default=20261126)
    options.add_argument("--per-type", type=int, default=40)
    options.add_argument("--show", type=int, default=0)
    given = options.parse_args()
    todo = list(cases(given))
    lines = "".join(json.dumps({"id": str(i), "text": text}) + "\n" for i, (_, _, _, text) in enumerate(todo))
    done = subprocess.run([given.bin, "classify", "--jsonl"], input=lines.encode(), stdout=subprocess.PIPE, check=True)
    counts = {}
    for (name, good, value, text), line in zip(todo, done.stdout.decode().splitlines()):
        tiers = {f["tier"] for f in json.loads(line)["findings"] if f["detector"] == name}
        right = bool(tiers) if good else "validated" not in tiers
        count = counts.setdefault(name, [0, 0, 0, 0])
        count[0 if good else 2] += right
        count[1 if good else 3] += 1
        if not right and given.show > 0 and name not in DIFFERENT:
            given.show -= 1
            print("missed" if good else "validated", name, repr(text), tiers)
    total = [sum(c[i] for n, c in counts.items() if n not in DIFFERENT) for i in range(4)]
    for name, (good, valid, kept, broken) in sorted(counts.items()):
        if good < valid or kept < broken:
            print(f"{name:24} accepted {good:4} of {valid:4}   not validated {kept:4} of {broken:4}   {DIFFERENT.get(name, '')}")
    accept, refuse = total[0] / total[1], total[2] / total[3]
    print(f"{len(counts)} modules, {len(counts) - len(DIFFERENT.keys() & counts.keys())} compared: accepted {total[0]} of {total[1]} = {accept:.4f}, "
          f"not valid and not validated {total[2]} of {total[3]} = {refuse:.4f}")
    return 0 if len(counts) >= 150 and accept >= 0.995 and refuse >= 0.99 else 1


if __name__ == "__main__":
    sys.exit(main())
