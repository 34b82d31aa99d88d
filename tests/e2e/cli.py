#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command line against a real agent: what each command prints on a terminal, in a pipe and as JSON, how it ends, and
what it says when something is missing."""
import json
import os
import pathlib
import pty
import re
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from rig import Report, Stage, check, equal, samples  # noqa: E402
from rig.cgroup import cgroup2_mount  # noqa: E402
from rig.process import environment, run, wait_until  # noqa: E402

CHAT = "https://api.openai.com/v1/chat/completions"
ROOT = pathlib.Path(__file__).resolve().parents[2]
COLUMN_GAP = re.compile(r" {2,}")


def body(text):
    return json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": text}]})


def text(done):
    return done.stdout.decode(), done.stderr.decode()


def on_terminal(argv, env=None):
    """What the program writes when its output is a terminal."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen([str(word) for word in argv], stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, env=environment(env))
    os.close(theirs)
    said = b""
    while True:
        try:
            block = os.read(ours, 65536)
        except OSError:  # EIO: the other end is closed
            break
        if not block:
            break
        said += block
    os.close(ours)
    child.wait(20)
    return said.decode()


def aligned(table):
    """Every column of a table begins below its head."""
    head, *rows = table.splitlines()
    starts = [match.end() for match in COLUMN_GAP.finditer(head)]
    check(starts and rows, f"no table: {table[:300]!r}")
    for row in rows:
        for start in starts:
            check(len(row) < start or (row[start - 1] == " " and row[start - 2] == " "), f"not aligned at {start}: {row!r} below {head!r}")


def subcommands(program, path=()):
    """Every command that does something, from --help itself."""
    said = run([program, *path, "--help"]).stdout.decode()
    names = re.findall(r"^  ([a-z]+) {2,}", said.partition("Subcommands:")[2], re.M)
    if not names:
        yield path
    for name in names:
        yield from subcommands(program, (*path, name))


def long_options(help_text):
    return set(re.findall(r"^ +(?:-\w,)?(--[a-z-]+)", help_text.partition("Options:")[2], re.M))


def worker_cgroups(config):
    import hashlib
    name = "egresswarden-workers-" + hashlib.sha256(str(config["state_dir"]).encode()).hexdigest()[:8]
    return [path for path, _, _ in os.walk(cgroup2_mount()) if os.path.basename(path) == name]


with Stage("cli") as stage, Report("cli") as report:
    egresswarden = stage.binary("egresswarden")
    stage.double()
    agent = stage.agent(samples.POLICY, trust={"inject": "off"}, intercept={"endpoints": [{"host": "llm.acme.test", "port": 8443, "provider": "acme"}]})
    config = ("--config", agent.config_file)

    def ew(*words, stdin=b""):
        return run([egresswarden, *words], stdin=stdin)

    def fails(code, *words, says=()):
        done = ew(*words)
        out, error = text(done)
        equal(done.returncode, code, f"exit of {words}: {error or out}")
        for part in says:
            check(part in error, f"{words}: {part!r} is not in {error!r}")

    with report.case("--version, and every command has --help"):
        equal(re.fullmatch(r"egresswarden \d+\.\d+\.\d+\n", text(ew("--version"))[0]) is not None, True, "the version's shape")
        commands = list(subcommands(egresswarden))
        check(len(commands) >= 20, f"only {commands}")
        for command in commands:
            done = ew(*command, "--help")
            equal((done.returncode, done.stderr), (0, b""), f"{command} --help")
            check("Usage: egresswarden " + " ".join(command) in text(done)[0], f"{command}: no usage line")
    with report.case("man pages: every command with every option of its --help, and no other"):
        page = (ROOT / "packaging/man/egresswarden.1.scd").read_text()
        everywhere = {"--help", "--config", "--version"}
        check(all(f"*{option}*" in page.partition("# OPTIONS")[2].partition("# COMMANDS")[0] for option in everywhere), "general options")
        for command in commands:
            entry = re.search(rf"^\*{' '.join(command)}\*.*$", page, re.M)
            check(entry, f"{command} has no entry")
            equal(set(re.findall(r"\*(--[a-z-]+)\*", entry[0])), long_options(text(ew(*command, "--help"))[0]) - everywhere, f"options of {command}")
        daemon = run([stage.binary("egresswardend"), "--help"]).stdout.decode()
        page = (ROOT / "packaging/man/egresswardend.8.scd").read_text()
        equal(set(re.findall(r"^\*(--[a-z-]+)\*", page, re.M)), long_options(daemon), "options of egresswardend")
    with report.case("man page of agent.yaml: every key with its default"):
        page = (ROOT / "packaging/man/egresswarden-agent.yaml.5.scd").read_text()
        keys, path = {}, []
        for line in (ROOT / "packaging/etc/agent.yaml").read_text().splitlines():
            line = re.sub(r"^( *)# (persons|collector):", r"\1\2:", line)
            found = re.match(r"^( *)([a-z_]+): *([^#]*)", line)
            if found:
                path[len(found[1]) // 2:] = [found[2]]
                keys[".".join(path)] = found[3].strip()
        equal(len(keys) >= 30, True, f"only {sorted(keys)}")
        sections = {key.rpartition(".")[0] for key in keys} | {key.rpartition(".")[0].rpartition(".")[0] for key in keys}
        unsaid = [key for key, value in keys.items() if key not in sections and not re.search(rf"^\*{key}\*(: _{re.escape(value)}_)?$", page, re.M)
                  and key != "trust.ca_dir"]
        equal(unsaid, [], "keys without an entry or with another default")
    with report.case("wrong use is 2 and says what"):
        fails(2, says=["subcommand is required"])
        fails(2, "status", "--nonsense", says=["--nonsense"])
        fails(2, "observe", *config, "--verdict", "maybe", says=["--verdict", "allow"])
        fails(2, "observe", *config, "--since", "yesterday", says=["--since", "30s"])
        fails(2, "trust", "explain", "0", says=["pid"])
        fails(2, "audit", "show", "x", says=["seq"])
    with report.case("no agent: 2, what, where and the remedy; with --config before and after the command"):
        for words in (("status", *config), (*config, "status"), ("inventory", *config), ("observe", *config)):
            fails(2, *words, says=["admin.sock", "no agent runs there"])
        fails(2, "--config", "/nonexistent/a.yaml", "status", says=["/nonexistent/a.yaml", "--config FILE"])
        fails(2, "audit", "list", *config, says=["log.sqlite"])
    with report.case("trust list and inject before there is an authority"):
        done = ew("trust", "list", *config)
        check("no authority" in text(done)[1], text(done)[1])
        fails(2, "trust", "inject", *config, says=["no authority", "start the agent"])
    with report.case("doctor: each thing once, JSON agrees, the exit is the sum"):
        done = ew("doctor", "--json", *config)
        answer = json.loads(done.stdout)
        names = [row["check"].split(" /")[0] for row in answer["checks"]]
        equal(len(names), len(set(names)), f"checks given twice in {names}")
        equal(answer["ok"], all(row["ok"] or not row["needed"] for row in answer["checks"]), "the sum")
        equal(done.returncode, 0 if answer["ok"] else 1, "exit")
        check(all(row["remedy"] for row in answer["checks"] if not row["ok"]), "something is missing without a remedy")
        aligned(text(ew("doctor", *config))[0])
        broken = stage.folder / "broken.yaml"
        broken.write_text("state_dirr: /tmp/x\nworkers: many\n")
        done = ew("doctor", "--config", broken)
        equal(done.returncode, 1, "exit with a broken config")
        check(f"{broken}:1:1: state_dirr: unknown key" in text(done)[0] and f"{broken}:2:10" in text(done)[0], text(done)[0])
    with report.case("inventory --catalogue needs no agent and knows own endpoints"):
        rows = json.loads(ew("inventory", "--catalogue", "--json").stdout)["catalogue"]
        check({"openai", "anthropic"} <= {row["provider"] for row in rows}, "providers")
        check("acme" not in {row["provider"] for row in rows}, "an own endpoint without a config")
        rows = json.loads(ew(*config, "inventory", "--catalogue", "--json").stdout)["catalogue"]
        equal([(row["host"], row["port"]) for row in rows if row["provider"] == "acme"], [("llm.acme.test", 8443)], "own endpoint")
        aligned(text(ew("inventory", "--catalogue"))[0])

    with report.case("classify: text, JSON, JSON lines"):
        token = samples.github_token()
        done = ew("classify", "--json", stdin=f"use {token} now")
        found = json.loads(done.stdout)["findings"]
        equal([(row["class"], row["start"], row["end"]) for row in found], [("secret", 4, 4 + len(token))], "findings")
        lines = "".join(json.dumps({"id": number, "text": value}) + "\n" for number, value in enumerate(("none", token)))
        rows = [json.loads(line) for line in ew("classify", "--jsonl", stdin=lines).stdout.splitlines()]
        equal([(row["id"], len(row["findings"])) for row in rows], [(0, 0), (1, 1)], "lines")
        check("secret" in text(ew("classify", "--explain", stdin=token))[0], "the table")
        fails(2, "classify", "--pack", "/nonexistent", says=["/nonexistent"])
        done = ew("classify", "--jsonl", stdin="nonsense\n")
        equal(done.returncode, 2, "exit for a broken line")
        check(b"line 1" in done.stderr, done.stderr)
    with report.case("redact: the value goes, the rest stays; what cannot be read is not given back"):
        out = text(ew("redact", stdin=f"use {token} now\n"))[0]
        check(token not in out and out.startswith("use ") and out.endswith(" now\n"), out)
        answer = json.loads(ew("redact", "--json", stdin=token).stdout)
        equal([(edit["start"], edit["end"]) for edit in answer["edits"]], [(0, len(token))], "edits")
        done = ew("redact", stdin=b"\xff " + token.encode())
        equal((done.returncode, done.stdout), (1, b""), "exit and output for broken UTF-8")
        key = stage.folder / "token.key"
        key.write_bytes(b"k" * 32)
        equal(ew("redact", "--key-file", key, stdin=token).stdout, ew("redact", "--key-file", key, stdin=token).stdout, "tokens of one key")

    with report.case("policy: keygen, sign, check, test, explain and their refusals"):
        folder, key = stage.folder / "bundle", stage.folder / "signer.key"
        folder.mkdir()
        (folder / "p.yaml").write_text(samples.POLICY)
        equal(ew("policy", "check", folder).returncode, 0, "check")
        fails(1, "policy", "test", folder, says=["no cases"])
        equal(ew("policy", "keygen", "--key", key).returncode, 0, "keygen")
        equal(key.stat().st_mode & 0o777, 0o600, "mode of the key")
        fails(2, "policy", "keygen", "--key", key, says=["is there already"])
        fails(1, "policy", "check", folder, "--key", f"{key}.pub")
        equal(ew("policy", "sign", folder, "--key", key).returncode, 0, "sign")
        equal(json.loads(ew("policy", "check", folder, "--key", f"{key}.pub", "--json").stdout)["ok"], True, "check of the signature")
        (folder / "p.yaml").write_text(samples.POLICY.replace("no-secrets", "some-secrets"))
        fails(1, "policy", "check", folder, "--key", f"{key}.pub")
        (folder / "p.yaml").write_text(samples.POLICY.replace("[secret]", "[sekret]"))
        fails(1, "policy", "check", folder, says=["p.yaml:", "sekret"])
        facts = stage.folder / "facts.json"
        facts.write_text(json.dumps({"destination": {"provider": "openai"}, "data": [], "identity": {}, "request": {}}))
        answer = json.loads(ew("policy", "explain", agent.policy_file, "--facts", facts, "--json").stdout)
        equal((answer["verdict"], answer["deciding"]), ("allow", "models-allowed"), "explain")
        check("models-allowed" in text(ew("policy", "explain", agent.policy_file, "--facts", facts))[0], "in words")
        fails(2, "policy", "explain", agent.policy_file, says=["--facts"])

    with report.case("the agent starts", fatal=True):
        agent.start()
    guarded = stage.guard(agent)
    equal(guarded.curl(CHAT, body(samples.HARMLESS)).status, 200, "status of a harmless request")
    equal(guarded.curl(CHAT, body(samples.secret_prompt())).status, 400, "status of a secret")
    wait_until(lambda: len(agent.records("decision")) == 2, 10, "two decisions in the log")

    with report.case("status: aligned, JSON, healthy is 0"):
        done = ew("status", *config)
        equal(done.returncode, 0, text(done)[1])
        aligned(text(done)[0])
        answer = json.loads(ew("status", "--json", *config).stdout)
        equal((answer["ready"], answer["decided"], answer["policy"]["bundle"]), (True, 2, "suite"), "what it says")
    with report.case("observe: a line each, filters, JSON lines"):
        lines = text(ew("observe", *config))[0].splitlines()
        equal(len(lines), 2, f"lines: {lines}")
        check(" curl[" in lines[0] and "-> openai api.openai.com gpt-5  allow " in lines[0], lines[0])
        check("  block " in lines[1] and "no-secrets" in lines[1] and "classes=secret" in lines[1], lines[1])
        check(samples.github_token() not in "".join(lines), "the secret is shown")
        equal(len(text(ew("observe", "--verdict", "block", *config))[0].splitlines()), 1, "blocks")
        equal(text(ew("observe", "--process", "wget", *config))[0], "", "of another process")
        equal(len(text(ew("observe", "--since", "5m", "--process", "curl", *config))[0].splitlines()), 2, "of the last minutes")
        rows = [json.loads(line) for line in ew("observe", "--json", *config).stdout.splitlines()]
        equal([row["verdict"] for row in rows], ["allow", "block"], "verdicts")
    with report.case("observe --follow shows a decision as it is made, through a pipe"):
        child = subprocess.Popen([egresswarden, "observe", "-f", *config], stdout=subprocess.PIPE, env=environment())
        try:
            for _ in range(2):
                child.stdout.readline()
            guarded.curl(CHAT, body(samples.HARMLESS))
            started = time.monotonic()
            check(b"allow" in child.stdout.readline(), "no third line")
            check(time.monotonic() - started < 5, "it came late")
        finally:
            child.terminate()
            child.wait(5)
    with report.case("inventory: aligned, grouped, JSON"):
        for words in ((), ("--by", "process"), ("--capture", "intercepted,refused")):
            table, _, summary = text(ew("inventory", *words, *config))[0].partition("\n\n")
            aligned(table + "\n")
            check("3 intercepted" in summary, summary)
        rows = json.loads(ew("inventory", "--json", *config).stdout)["inventory"]
        equal([(row["provider"], row["capture"], row["requests"], row["blocked"]) for row in rows], [("openai", "proxied", 3, 1)], "rows")
        fails(2, "inventory", "--by", "weather", *config, says=["--by"])
        fails(2, "inventory", "--since", "soon", *config, says=["--since"])
    with report.case("colour on a terminal only, and not with NO_COLOR"):
        for words in (("observe", *config), ("doctor", *config), ("audit", "list", *config), ("policy", "check", agent.policy_file)):
            check(b"\x1b" not in ew(*words).stdout, f"{words}: colour in a pipe")
            check("\x1b[" in on_terminal([egresswarden, *words]), f"{words}: no colour on a terminal")
            check("\x1b" not in on_terminal([egresswarden, *words], {"NO_COLOR": "1"}), f"{words}: colour in spite of NO_COLOR")

    with report.case("audit list: aligned, filters, JSON lines; --state-dir without a config"):
        aligned(text(ew("audit", "list", *config))[0])
        listed = [json.loads(line) for line in ew("audit", "list", "--json", "--verdict", "block", *config).stdout.splitlines()]
        equal([record["dec"]["verdict"] for record in listed], ["block"], "blocked")
        direct = ew("audit", "list", "--json", "--verdict", "block", "--state-dir", agent.state_dir / "audit")
        equal([json.loads(line) for line in direct.stdout.splitlines()], listed, "the same by --state-dir")
        equal(len(text(ew("audit", "list", "--since", "5m", *config))[0].splitlines()) > 3, True, "of the last minutes")
        equal(len(text(ew("audit", "list", "--until", "5m", *config))[0].splitlines()), 1, "until five minutes ago")
        fails(2, "audit", "list", "--since", "soon", *config, says=["--since"])
    with report.case("audit show, prove, export, verify"):
        number = str(listed[0]["seq"])
        check("no-secrets" in text(ew("audit", "show", number, *config))[0], "the record")
        equal(json.loads(ew("audit", "show", number, "--json", *config).stdout)["record"]["seq"], listed[0]["seq"], "the record")
        fails(1, "audit", "show", "999999", *config, says=["no record 999999"])
        proof = stage.folder / "one.tlog-proof"
        equal(ew("audit", "prove", number, "--out", proof, *config).returncode, 0, "prove")
        check(proof.read_text().startswith("c2sp.org/tlog-proof@v1"), proof.read_text()[:60])
        folder = stage.folder / "export"
        equal(ew("audit", "export", folder, *config).returncode, 0, "export")
        fails(2, "audit", "export", folder, *config, says=["not empty"])
        key = (folder / "vkey").read_text().strip()
        equal(ew("audit", "verify", folder, "--vkey", key).returncode, 0, "verify")
        equal(json.loads(ew("audit", "verify", folder, "--vkey", f"@{folder}/vkey", "--json").stdout)["verified"], True, "verify")
        fails(2, "audit", "verify", folder, says=["--vkey"])
        (folder / "stray").write_text("x")
        fails(1, "audit", "verify", folder, "--vkey", key, says=["stray"])
    with report.case("trust: inject, list, explain, remove, each twice"):
        bundle = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
        before = bundle.read_bytes()
        for _ in range(2):
            done = ew("trust", "inject", *config)
            equal(done.returncode, 0, text(done)[1])
        check("NODE_EXTRA_CA_CERTS=" in text(done)[0], text(done)[0])
        check(pathlib.Path(agent.ca).read_text().split("\n")[1] in bundle.read_text(), "not in the bundle")
        answer = json.loads(ew("trust", "list", "--json", *config).stdout)
        equal([row["trusts_us"] for row in answer["stores"] if row["kind"] == "system bundle"], ["yes"], "system bundle")
        aligned(text(ew("trust", "list", *config))[0])
        check("python" in text(ew("trust", "explain", str(os.getpid())))[0], "explain of this process")
        child = subprocess.Popen(["sleep", "60"], env={"SSL_CERT_FILE": "/x\x1b[31m"})
        try:
            wait_until(lambda: b"/x?[31m" in ew("trust", "explain", str(child.pid)).stdout, 5, "a process's own words are made safe")
        finally:
            child.kill()
            child.wait()
        fails(2, "trust", "explain", str(child.pid), says=["is it alive"])
        for _ in range(2):
            equal(ew("trust", "remove").returncode, 0, "remove")
        equal(bundle.read_bytes(), before, "the bundle")

    with report.case("down refuses while the agent runs"):
        fails(2, "down", *config, says=["an agent runs", "--force"])
        fails(2, "down", "--purge", "--force", *config, says=["its log is open"])
        equal(ew("status", *config).returncode, 0, "the agent's status after it")
    with report.case("down --force takes the guard off and says what is left"):
        done = ew("down", "--force", *config)
        equal(done.returncode, 1, text(done))
        check("workers" in text(done)[0] and "an agent runs" in text(done)[0], text(done)[0])
        equal(pathlib.Path(agent.config["bpffs_dir"]).exists(), False, "pins")
    with report.case("down: pins, cgroup, trust and files are gone, the log stays; again: 0"):
        ew("trust", "inject", *config)
        agent.stop()
        check(worker_cgroups(agent.config), "the workers had no cgroup, so nothing is tested here")
        for _ in range(2):
            done = ew("down", *config)
            equal(done.returncode, 0, text(done))
            equal(worker_cgroups(agent.config), [], "cgroups")
            equal(agent.run_dir.exists(), False, "run_dir")
            equal(bundle.read_bytes(), before, "the bundle")
        check((agent.state_dir / "audit/log.sqlite").exists(), "the log is gone")
    with report.case("down --purge: what others put there stays, then nothing does"):
        guest = agent.state_dir / "notes"
        guest.write_text("not the agent's")
        done = ew("down", "--purge", "--json", *config)
        equal((done.returncode, json.loads(done.stdout)["ok"]), (1, False), "with a guest")
        check(guest.exists(), "the guest is gone")
        equal([path.name for path in agent.state_dir.iterdir()], ["notes"], "what is left beside it")
        fails(1, "down", "--purge", *config)
        guest.unlink()
        for _ in range(2):
            done = ew("down", "--purge", "--json", *config)
            equal((done.returncode, json.loads(done.stdout)["ok"]), (0, True), text(done))
        equal((agent.state_dir.exists(), (agent.folder / "trust").exists()), (False, False), "state and authority")
