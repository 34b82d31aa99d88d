#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The deb in a booted Debian 12: installs, both units come up, a service's call and a user session's call are attributed
to unit and user, purge leaves nothing."""
import json
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from rig import Report, Stage, check, equal, samples  # noqa: E402
from rig.agent import field, parse_lines  # noqa: E402
from rig.machine import Machine, base_tree  # noqa: E402
from rig.process import wait_until  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHAT = "https://api.openai.com/v1/chat/completions"
CURL = f"curl -sS --http1.1 -o /dev/null -w %{{http_code}} -H 'content-type: application/json' -d @/root/body {CHAT}"


def build_deb():
    subprocess.run(["cmake", "--preset", "release", "-DBUILD_TESTING=OFF"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "-C", "build/release"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cpack", "-G", "DEB"], cwd=ROOT / "build/release", check=True, stdout=subprocess.DEVNULL)
    return next((ROOT / "build/release/package").glob("*.deb"))


def depends(deb):
    text = subprocess.run(["dpkg-deb", "-f", deb, "Depends"], capture_output=True, text=True, check=True).stdout
    return [re.sub(r"\(.*?\)", "", one.split("|")[0]).strip() for one in text.split(",")]


with Stage("deb") as stage, Report("deb") as report:
    double = stage.double()
    with report.case("the package builds and lintian finds no error", fatal=True):
        deb = build_deb()
        done = subprocess.run(["lintian", "--fail-on", "error", deb], capture_output=True, text=True)
        check(done.returncode == 0, done.stdout)
    with report.case("Debian 12 boots", fatal=True):
        machine = Machine(stage.folder / "machine", base_tree(ROOT / "build/package", depends(deb)), stage.folder / "machine.log")
        machine.write("/etc/hosts", "".join(f"{address} {name}\n" for name, address in {**stage.addresses, "localhost": "127.0.0.1"}.items()))
        machine.write("/root/body", json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": samples.HARMLESS}]}))
        (machine.root / "root").chmod(0o755)
        machine.copy(deb, "/root/egresswarden.deb")
        machine.copy(double.ca, "/root/provider-ca.pem")
        stage.at_end(machine.end)
        before = None
        machine.boot()
        machine.must("useradd", "-m", "tester")
        before = machine.files()
    with report.case("dpkg installs it", fatal=True):
        machine.must("dpkg", "--install", "/root/egresswarden.deb")
    with report.case("system users exist and the policy is signed by a key made here"):
        machine.must("getent", "passwd", "egresswarden-proxy")
        machine.must("getent", "passwd", "egresswarden-collector")
        check((machine.root / "etc/egresswarden/policy/bundle.dsse.json").exists(), "no signature beside the policy")
    with report.case("both units come up"):
        config = machine.root / "etc/egresswarden/agent.yaml"
        text = config.read_text()
        text = re.sub(r"^provider_roots:.*$", "provider_roots: /root/provider-ca.pem", text, flags=re.MULTILINE)
        config.write_text(text if "provider_roots: /root" in text else text + "\nprovider_roots: /root/provider-ca.pem\n")
        machine.must("systemctl", "restart", "egresswarden.service", "egresswarden-collector.service")
        for unit in ("egresswarden.service", "egresswarden-collector.service"):
            wait_until(lambda: machine.run("systemctl", "is-active", unit).stdout.strip() == b"active", 20,
                       f"{unit} is active: {machine.run('journalctl', '-n', '15', '-u', unit).stdout.decode(errors='replace')}")

    def decisions():
        return [one for one in parse_lines(machine.must("egresswarden", "audit", "list", "--json")) if one.get("kind") == "decision"]

    def call_by(*words):
        mark = len(decisions())
        said = machine.must("systemd-run", "--quiet", "--wait", "--pipe", "--collect", *words, "sh", "-c", CURL)
        equal(said.strip(), "200", "status")
        return wait_until(lambda: decisions()[mark:], 5, "a decision record")[-1]

    with report.case("a curl in a service is attributed to its unit"):
        record = call_by("--unit=rag-demo.service")
        equal((field(record, "unit"), field(record, "user.uid")), ("rag-demo.service", 0), "unit, uid")
    with report.case("a curl in a user session is attributed to the user and login user"):
        uid = int(machine.must("id", "-u", "tester"))
        record = call_by("-p", "PAMName=login", "-p", "User=tester")
        equal((field(record, "user.uid"), field(record, "user.loginuid")), (uid, uid), "uid, loginuid")
    with report.case("purge leaves nothing"):
        machine.must("dpkg", "--purge", "egresswarden")
        left = sorted(path for path in machine.files() - before if "egresswarden" in path or path.startswith("usr/local"))
        left = [path for path in left if not path.startswith("var/lib/dpkg") and not path.startswith("var/lib/systemd/deb-systemd")]
        equal(left, [], "files left")
        for name in ("egresswarden-proxy", "egresswarden-collector"):
            check(machine.run("getent", "passwd", name).returncode != 0, f"user {name} is left")
        equal(machine.run("sh", "-c", "ls /sys/fs/bpf/egresswarden 2>/dev/null").stdout, b"", "pins left")
        check("egresswarden" not in machine.must("sh", "-c", "ls -R /etc/ssl/certs /usr/local/share/ca-certificates").lower(), "trust is left")
