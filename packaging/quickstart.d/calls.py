#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The quickstart's calls: real clients under different users, and a table of what the log says of each beside what the
client saw. Exits 1 when a call did not end as the policy demands."""
import argparse
import json
import os
import pwd
import random
import string
import subprocess
import sys
import time
import zlib

OPENAI, ANTHROPIC = "https://api.openai.com/v1/chat/completions", "https://api.anthropic.com/v1/messages"


def token():
    """Looks like a GitHub token, check digits and all, and opens nothing."""
    body = "".join(random.choices(string.ascii_letters + string.digits, k=30))
    letters, number, check = string.digits + string.ascii_uppercase + string.ascii_lowercase, zlib.crc32(body.encode()), ""
    for _ in range(6):
        number, rest = divmod(number, 62)
        check = letters[rest] + check
    return "gh" + "p_" + body + check


def card():
    digits = [4, 5, 3, 9] + [random.randint(0, 9) for _ in range(11)]
    total = sum(sum(divmod(digit * 2, 10)) if place % 2 == 0 else digit for place, digit in enumerate(digits))
    text = "".join(map(str, digits + [-total % 10]))
    return " ".join(text[i:i + 4] for i in range(0, 16, 4))


def chat(prompt, **more):
    return json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": prompt}], **more})


def calls(options):
    """(what, user, argv, body on stdin, verdict that the policy demands)"""
    curl = ["curl", "-sS", "--http1.1", "-H", "content-type: application/json", "--data-binary", "@-", "-w", "\n%{http_code}"]
    node = lambda script, **asked: [options.node, f"{options.clients}/{script}.js", json.dumps(asked)]  # noqa: E731
    ssn = f"{random.randint(500, 599)}-{random.randint(21, 79)}-{random.randint(1201, 8999)}"
    return [
        ("curl", "ew-analyst", [*curl, OPENAI], chat("Two lines about the tide, please."), "allow"),
        ("openai SDK, streamed chat", "ew-analyst", node("openai", op="chat", stream=True, prompt="Name three harbours."), "", "allow"),
        ("Anthropic SDK, streamed", "ew-analyst", node("anthropic", op="messages", stream=True, prompt="Name a gull."), "", "allow"),
        ("curl, a payment card", "ew-analyst", [*curl, OPENAI], chat(f"Refund the payment card {card()} please."), "redact"),
        ("Anthropic SDK, an SSN", "ew-analyst", node("anthropic", op="messages", prompt=f"The social security number (SSN) {ssn} is new."), "", "redact"),
        ("openai SDK, a token", "ew-analyst", node("openai", op="responses", prompt=f"Deploy with {token()} tonight."), "", "block"),
        ("curl, a token", "ew-analyst", [*curl, ANTHROPIC], chat(f"Why is {token()} refused?", max_tokens=9), "block"),
        ("curl by an intern", "ew-intern", [*curl, OPENAI], chat("Hello?"), "block"),
    ]


def run(options, user, argv, body):
    """-> pid, what the client said. The shell becomes the client, so the pid is the client's."""
    person = pwd.getpwnam(user)
    script = 'echo 0 >"$1/cgroup.procs"; shift; exec setpriv --reuid="$1" --regid="$1" --clear-groups "${@:2}"'
    # What a service on a host with the agent would have: the one variable that Node needs, and nothing for curl.
    known = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "NODE_EXTRA_CA_CERTS": "/usr/local/share/egresswarden/roots.pem"}
    child = subprocess.Popen(["bash", "-c", script, "bash", options.cgroup, str(person.pw_uid), *argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, env=known, cwd="/")
    out, err = child.communicate(body.encode(), timeout=60)
    return child.pid, out.decode(errors="replace").strip(), err.decode(errors="replace").strip()


def said(out, err):
    """The client's own words, in short."""
    try:
        result = json.loads(out)
        return "ok" if result["ok"] else f"{result['error']['class']}: {result['error']['message']}"
    except (json.JSONDecodeError, KeyError):
        pass
    text, _, status = out.rpartition("\n")
    try:
        return f"HTTP {status}: {json.loads(text)['error']['message']}" if status != "200" else "HTTP 200"
    except (json.JSONDecodeError, KeyError, TypeError):
        return (err or out)[:160]


def records(options):
    done = subprocess.run([options.cli, "audit", "list", "--json", "--config", options.config], capture_output=True, text=True, check=True)
    text = done.stdout.strip()
    try:
        value = json.loads(text)
        return value if isinstance(value, list) else value.get("records", [value])
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines()]


def decision_of(options, pid):
    for _ in range(50):
        for record in records(options):
            if record.get("kind") == "decision" and record.get("proc", {}).get("pid") == pid:
                return record
        time.sleep(0.1)
    return None


def program_of(options, record):
    """The executable's name, which the log keeps beside the record, encrypted, and opens on its own host."""
    shown = subprocess.run([options.cli, "audit", "show", str(record["seq"]), "--json", "--config", options.config], capture_output=True, text=True, check=True)
    opened = {name: value for _, name, value in json.loads(shown.stdout)["disclosures"]}
    return os.path.basename(opened.get("exe", record["proc"]["comm"]))


def table(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    for number, row in enumerate(rows):
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)) + "  " + row[-1])
        if number == 0:
            print("  " + "  ".join("-" * width for width in widths) + "  " + "-" * 20)


def main():
    parser = argparse.ArgumentParser()
    for name in ("cgroup", "dir", "node", "cli", "config", "clients", "double"):
        parser.add_argument(f"--{name}", required=True)
    options = parser.parse_args()
    rows, wrong = [("verdict", "user", "process", "rule", "client", "what the client saw")], []
    for what, user, argv, body, wanted in calls(options):
        pid, out, err = run(options, user, argv, body)
        record = decision_of(options, pid)
        if record is None:
            wrong.append(f"{what}: no decision record of pid {pid}; the client said: {said(out, err)}")
            continue
        verdict, decision = record["dec"]["verdict"], record
        uid = decision.get("user", {}).get("uid")
        name = pwd.getpwuid(int(uid)).pw_name if uid is not None else "?"
        rules = decision.get("pol", {}).get("rules") or [decision["dec"].get("reason", "")]
        rows.append((verdict, name, f"{program_of(options, decision)}[{pid}]", ",".join(rules), what, said(out, err)))
        if verdict != wanted or name != user:
            wrong.append(f"{what}: {verdict} for {name}, wanted {wanted} for {user}")
    if len(rows) > 1:
        table(rows)
    received = [line for line in map(json.loads, open(options.double)) if line["event"] == "request"]
    print(f"\n  the provider received {len(received)} of {len(calls(options))} requests")
    for line in wrong:
        print(f"  WRONG {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
