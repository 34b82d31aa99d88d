#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints letter_pairs.inc: for each letter a bit set of the letters that seldom follow it in words and in names of code.

Counted over the licence texts of base-files (/usr/share/common-licenses) and the names in Python's standard library: pairs below
one in 2,500 are seldom. A random string of letters has about two in five of them, words and identifiers one in fifty.
"""
import collections
import pathlib
import re

PAIRS_SELDOM = 2500


def words():
    sources = list(pathlib.Path("/usr/share/common-licenses").iterdir()) + sorted(pathlib.Path("/usr/lib").glob("python3.*/*.py"))
    for path in sources:
        yield from set(re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", path.read_text(errors="replace")).lower()))


def main():
    pairs = collections.Counter()
    for word in words():
        pairs.update(zip(word, word[1:]))
    total = sum(pairs.values())
    rows = []
    for first in range(26):
        bits = sum(1 << second for second in range(26) if pairs[chr(97 + first), chr(97 + second)] * PAIRS_SELDOM < total)
        rows.append(f"0x{bits:07X}")
    print("// Made by training/letter_pairs.py.")
    for i in range(0, 26, 8):
        print(", ".join(rows[i:i + 8]) + ",")


if __name__ == "__main__":
    main()
