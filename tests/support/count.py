#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts results for tests/run: prints what deserves a line, then `passed failed skipped` as the last line.

    count.py ctest REPORT.xml
    count.py script LOG EXIT_STATUS NAME

A skip counts as skipped only if tests/README.md lists it (a line `- `name`: reason`, name as printed); else as failed.
"""
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

README = pathlib.Path(__file__).resolve().parent.parent / "README.md"


def listed_skips():
    text = README.read_text() if README.exists() else ""
    return set(re.findall(r"^- `([^`]+)`: \S", text, re.MULTILINE))


def of_ctest(path):
    """-> (name, passed|failed|skipped, why)"""
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        status = case.get("status")
        failure = case.find("failure")
        if status == "run" and failure is None:
            yield case.get("name"), "passed", ""
        elif failure is not None or status == "fail":
            why = failure.get("message", "") if failure is not None else ""
            output = case.find("system-out")
            tail = "\n".join((output.text or "").strip().splitlines()[-15:]) if output is not None else ""
            yield case.get("name"), "failed", f"{why}\n{tail}".strip()
        else:
            yield case.get("name"), "skipped", status or ""


def of_script(path, status, name):
    cases = 0
    failed = False
    for line in pathlib.Path(path).read_text(errors="replace").splitlines():
        word, _, rest = line.partition(" ")
        if word not in ("PASS", "FAIL", "SKIP"):
            continue
        cases += 1
        failed = failed or word == "FAIL"
        # "suite: case: why": the first two parts are the name
        parts = rest.split(": ", 2)
        yield ": ".join(parts[:2]), {"PASS": "passed", "FAIL": "failed", "SKIP": "skipped"}[word], None
    if status != 0 and not failed:
        errors = pathlib.Path(str(path) + ".err")
        tail = errors.read_text(errors="replace").strip().splitlines()[-8:] if errors.exists() else []
        yield name, "failed", "\n".join([f"ended with status {status} after {cases} cases", *tail])
    elif cases == 0:
        yield name, "failed", "printed no PASS, FAIL or SKIP line"


def main():
    kind, path, *more = sys.argv[1:]
    results = of_ctest(path) if kind == "ctest" else of_script(path, int(more[0]), more[1])
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    allowed = listed_skips()
    for name, result, why in results:
        if result == "skipped" and name not in allowed:
            result = "failed"
            print(f"FAIL {name}: skipped, and tests/README.md does not list it ({why or 'no reason'})")
        elif result == "skipped" and why is not None:
            print(f"SKIP {name}")
        elif result == "failed" and why is not None:
            print(f"FAIL {name}\n" + "\n".join("    " + line for line in why.splitlines()))
        counts[result] += 1
    if kind == "ctest":
        print(f"  {counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    print(counts["passed"], counts["failed"], counts["skipped"])


if __name__ == "__main__":
    main()
