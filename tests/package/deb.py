#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The deb in a booted Debian 12: installs, both units come up, a service's call and a user session's call are attributed
to unit and user; an upgrade and a removal keep what must be kept, purge leaves nothing."""
import ctypes
import json
import os
import pathlib
import re
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from rig import Report, Stage, check, equal, samples  # noqa: E402
from rig.agent import field, parse_lines  # noqa: E402
from rig.deb import ROOT, build_deb, depends, newer  # noqa: E402
from rig.machine import Machine, base_tree  # noqa: E402
from rig.process import run, wait_until  # noqa: E402

CHAT = "https://api.openai.com/v1/chat/completions"
# The shell becomes curl, so the number it prints is the process that connects. A file, since systemd-run expands `$`.
CALL = f"""#!/bin/sh
echo $$
exec curl -sS --http1.1 -o /dev/null -w %{{http_code}} -H content-type:application/json -d @/srv/body {CHAT}
"""
# Opens a connection and ends; its child speaks, but not TLS.
ORPHAN = """use IO::Socket::INET;
my $s = IO::Socket::INET->new("api.openai.com:443") or die "$@";
open my $opened, ">", "/srv/opened" or die $!;
print $opened $$;
exit if fork;
print $s "GET / HTTP/1.1\\r\\n\\r\\n";
my @said = <$s>;
"""
# A hook of update-ca-certificates that makes memory to run code in, as Java's does; mmap() by number, since perl has no other.
HOOK = """#!/usr/bin/perl
use Config;
my $mmap = $Config{archname} =~ /^aarch64/ ? 222 : 9;
open my $out, ">", "/srv/hook-says" or die $!;
print $out syscall($mmap, 0, 4096, 7, 0x22, -1, 0) == -1 ? "no: $!" : "yes";
"""
UNITS = ("egresswarden-collector.service", "egresswarden.service")
# What a Debian system writes by itself as packages come and go and services run.
SYSTEMS_OWN = re.compile(r"(var/(log|cache|backups|tmp)|var/lib/(dpkg|systemd|apt)|tmp|run|root/egresswarden\.deb)(/|$)|etc/(passwd|group|shadow|gshadow|subuid|subgid)-$")


def digest_of(folder):
    return {path: (path.readlink() if path.is_symlink() else path.read_bytes()) for path in sorted(folder.rglob("*")) if path.is_symlink() or path.is_file()}


def clock_is_synchronised():
    state = ctypes.create_string_buffer(256)  # struct timex; its first word, the modes, asks for no change
    answer = ctypes.CDLL(None).adjtimex(state)
    status = ctypes.c_int.from_buffer(state, 40).value  # after modes (padded), offset, freq, maxerror, esterror
    return answer != 5 and not status & 0x40  # TIME_ERROR, STA_UNSYNC


def judge_units(report):
    """Offline: what systemd thinks of the unit files, with the score of their sandboxes."""
    for unit in UNITS:
        with report.case(f"systemd-analyze verifies {unit}"):
            file = ROOT / "packaging/systemd" / unit
            # The machine that judges need not have the programs installed.
            copy = pathlib.Path(stage.folder) / unit
            copy.write_text(re.sub(r"^(ExecStart=)\S+", r"\1/bin/true", file.read_text(), flags=re.MULTILINE))
            done = run(["systemd-analyze", "verify", "--man=no", copy])
            equal((done.returncode, done.stderr.decode()), (0, ""), "verify")
            rated = run(["systemd-analyze", "security", "--offline=yes", copy]).stdout.decode()
            score = re.search(r"exposure level for \S+: ([\d.]+) (\w+)", rated)
            check(score, f"no score in {rated[-300:]}")
            print(f"     {unit}: exposure {score[1]} of 10 ({score[2]})")
            check(float(score[1]) < (2.5 if "collector" in unit else 6.5), f"exposure {score[1]}")


with Stage("deb") as stage, Report("deb") as report:
    judge_units(report)
    with report.case("the package builds and lintian finds neither error nor warning", fatal=True):
        deb = build_deb()
        done = run(["lintian", "--fail-on", "error,warning", deb])
        check(done.returncode == 0, done.stdout.decode())
    with report.case("a second build gives the same bytes"):
        first = deb.read_bytes()
        check(build_deb().read_bytes() == first, "the packages differ")
    with report.case("Debian 12 boots in cgroups, network and pids of its own", fatal=True):
        cgroup = stage.base.child("machine")
        machine = Machine(stage.folder / "machine", base_tree(ROOT / "build/package", depends(deb)), stage.folder / "machine.log", cgroup, stage.bpffs)
        machine.write("/etc/hosts", "".join(f"{address} {name}\n" for name, address in {**stage.addresses, "localhost": "127.0.0.1"}.items()))
        machine.write("/srv/body", json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": samples.HARMLESS}]}))
        machine.write("/srv/call", CALL)
        machine.write("/srv/orphan", ORPHAN)
        for name in ("opened", "hook-says"):
            machine.write(f"/srv/{name}", "")
        machine.write("/etc/ca-certificates/update.d/test", HOOK)
        (machine.root / "etc/ca-certificates/update.d/test").chmod(0o755)
        machine.copy(deb, "/root/egresswarden.deb")
        stage.at_end(machine.end)
        machine.boot()
        machine.must("useradd", "-m", "tester")
        check(os.stat(cgroup.path / "payload").st_ino == int(machine.must("stat", "-c", "%i", "/sys/fs/cgroup")), "the machine sees another cgroup root")
        double = stage.double(within=machine.enter("net"))
        machine.copy(double.ca, "/srv/provider-ca.pem")
        before, trust_before = machine.files(), digest_of(machine.root / "etc/ssl")
    with report.case("apt installs it", fatal=True):
        machine.must("apt-get", "-q", "install", "-y", "/root/egresswarden.deb")

    def all_up():
        for unit in UNITS:
            wait_until(lambda: machine.run("systemctl", "is-active", unit).stdout.strip() == b"active", 20,
                       lambda: f"{unit} is active: {machine.run('journalctl', '-n', '15', '-u', unit).stdout.decode(errors='replace')}")
            equal(machine.must("systemctl", "is-enabled", unit).strip(), "enabled", unit)

    with report.case("both units come up as installed, and are enabled"):
        all_up()
    with report.case("system users, the policy signed by a key made here, certificates that only their owners read"):
        for name in ("egresswarden-proxy", "egresswarden-collector"):
            check(0 < int(machine.must("id", "-u", name)) < 1000, f"{name} is no system user")
        machine.must("egresswarden", "policy", "check", "--key", "/etc/egresswarden/trusted-keys/local.pem")
        for name in ("ca.key", "agent.key", "collector.key", "reader.key"):
            equal(os.stat(machine.root / "etc/egresswarden/fleet" / name).st_mode & 0o007, 0, f"{name} for others")
        for name in ("/var/lib/egresswarden", "/var/lib/egresswarden-collector"):
            equal(machine.must("stat", "-c", "%a", name).strip(), "700", name)
    with report.case("the agent guards the machine and nothing outside it"):
        tree = json.loads(run(["bpftool", "--json", "cgroup", "tree", str(stage.base.path.parent)]).stdout or "[]")
        ours = [place["cgroup"] for place in tree if any(program["name"] == "ew_connect4" for program in place["programs"])]
        check(str(cgroup.path / "payload") in ours, f"attached at {ours}")
        check(not [place for place in ours if cgroup.path.is_relative_to(place)], f"attached above the machine: {ours}")
    with report.case("a provider whose authority is the test's own is trusted after an edit of the configuration and a restart", fatal=True):
        config = machine.root / "etc/egresswarden/agent.yaml"
        text, edits = re.subn(r"^provider_roots: system ", "provider_roots: /srv/provider-ca.pem ", config.read_text(), flags=re.MULTILINE)
        equal(edits, 1, "lines of provider_roots")
        config.write_text(text)
        machine.must("egresswarden", "trust", "remove")
        machine.write("/srv/hook-says", "")
        machine.must("systemctl", "restart", "egresswarden.service")
    with report.case("the agent has the trust store changed by a tool whose hooks work"):
        equal((machine.root / "srv/hook-says").read_text(), "yes", "memory to run code in")
        stores = json.loads(machine.must("egresswarden", "trust", "list", "--json"))["stores"]
        equal([(store["path"], store["trusts_us"]) for store in stores], [("/etc/ssl/certs/ca-certificates.crt", "yes")], "stores that trust us")

    def records(kind):
        return [one for one in parse_lines(machine.must("egresswarden", "audit", "list", "--json")) if one.get("kind") == kind]

    def call_by(*words, command=("/bin/sh", "/srv/call")):
        """Calls from a unit of its own; -> the decision's record with its disclosures opened."""
        mark = len(records("decision"))
        said = machine.must("systemd-run", "--quiet", "--wait", "--pipe", "--collect", *words, *command)
        pid, status = said.split()
        equal(status, "200", "status")
        record = wait_until(lambda: records("decision")[mark:], 5, "a decision record")[-1]
        equal(field(record, "proc.pid"), int(pid), "the process, by its number inside")
        shown = json.loads(machine.must("egresswarden", "audit", "show", record["seq"], "--json"))
        return record, {name: value for _, name, value in shown["disclosures"]}

    def who(record, opened):
        return field(record, "user.uid"), opened.get("name"), field(record, "user.loginuid"), opened.get("exe")

    with report.case("a curl in a service is attributed to its unit"):
        record, opened = call_by("--unit=rag-demo.service")
        equal((field(record, "unit"), who(record, opened)), ("rag-demo.service", (0, "root", None, "/usr/bin/curl")), "unit and user")
        equal(opened["ancestry"][-1]["pid"], 1, "the eldest ancestor")
    uid = int(machine.must("id", "-u", "tester"))
    with report.case("a curl in a user session is attributed to the user, the login and the session's scope"):
        record, opened = call_by("-p", "PAMName=login", "-p", "User=tester")
        equal(who(record, opened), (uid, "tester", uid, "/usr/bin/curl"), "user, login and executable")
        check(re.fullmatch(r"session-\w+\.scope", field(record, "unit") or ""), f"unit {field(record, 'unit')}")
    with report.case("a curl after su is the new user's, and still root's login"):
        record, opened = call_by("-p", "PAMName=login", "-p", "User=root", command=("su", "-", "tester", "-c", "sh /srv/call"))
        equal(who(record, opened), (uid, "tester", 0, "/usr/bin/curl"), "user is tester, login is root")
    with report.case("a curl in a service of the user's own manager is attributed to the manager, which root named"):
        inner = ["env", f"XDG_RUNTIME_DIR=/run/user/{uid}", "systemd-run", "--user", "--quiet", "--wait", "--pipe", "--collect", "--unit=mine", "/bin/sh", "/srv/call"]
        record, opened = call_by("-p", "PAMName=login", "-p", "User=tester", command=inner)
        equal((field(record, "unit"), who(record, opened)), (f"user@{uid}.service", (uid, "tester", uid, "/usr/bin/curl")), "unit and user")
        equal(opened.get("cgroup"), f"/user.slice/user-{uid}.slice/user@{uid}.service/app.slice/mine.service", "cgroup")
    with report.case("a connection whose opener has ended is attributed to the unit it was opened in"):
        workers = [pid for pid in cgroup.processes() if pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"egresswardend\0--worker")]
        check(workers, "no workers")
        for worker in workers:  # so that nobody asks while the opener still is
            os.kill(worker, signal.SIGSTOP)
        try:
            machine.must("systemd-run", "--quiet", "--collect", "--unit=orphan.service", "sh", "-c", "perl /srv/orphan; sleep 2")
            pid = int(wait_until(lambda: (machine.root / "srv/opened").read_text(), 2, "the connection is open"))
            wait_until(lambda: machine.run("test", "-e", f"/proc/{pid}").returncode, 2, "its opener has ended")
        finally:
            for worker in workers:
                os.kill(worker, signal.SIGCONT)
        flow = wait_until(lambda: [one for one in records("flow") if field(one, "proc.pid") == pid], 5, "a record of the connection")[-1]
        equal((field(flow, "unit"), field(flow, "proc.cgroup"), field(flow, "net.reason")), ("orphan.service", "/system.slice/orphan.service", "plain_to_tls_endpoint"), "unit, cgroup, reason")
    with report.case("records say of the clock what the kernel says"):
        equal(field(record, "clk.sync"), clock_is_synchronised(), "synchronised")
        check(field(record, "clk.err_us") > 0, "an error of 0")
    with report.case("the records reach the collector on the same host"):
        ask = ["curl", "-sS", "--cacert", "/etc/egresswarden/fleet/ca.pem", "--cert", "/etc/egresswarden/fleet/reader.pem", "--key", "/etc/egresswarden/fleet/reader.key"]
        wait_until(lambda: record["req"] in machine.must(*ask, "https://127.0.0.1:9467/api/v1/records?limit=50"), 15, "the record at the collector", pause_s=0.3)

    def judge_gone():
        """Nothing of it runs, guards or is trusted."""
        equal(sorted(str(path) for path, content in digest_of(machine.root / "etc/ssl").items() if trust_before.get(path) != content), [], "trust store")
        check("egresswarden" not in os.listdir(stage.bpffs), "pins are left")
        check("ew_" not in run(["bpftool", "cgroup", "tree", str(cgroup.path)]).stdout.decode(), "programs are left")
        equal([str(path) for path in cgroup.path.rglob("egresswarden*")], [], "cgroups left")

    def kept():
        """What no upgrade and no removal may change: keys, certificates, the configuration as edited; and the log so far."""
        folders = ("var/lib/egresswarden/keys", "var/lib/egresswarden/authority", "etc/egresswarden/fleet", "etc/egresswarden/trusted-keys")
        files = {path: content for folder in folders for path, content in digest_of(machine.root / folder).items() if not path.name.endswith(".signed")}
        for name in ("etc/egresswarden/agent.yaml", "var/lib/egresswarden/audit/host.key", "var/lib/egresswarden-collector/cosign.key"):
            files[machine.root / name] = (machine.root / name).read_bytes()
        return files, machine.must("egresswarden", "audit", "list", "--json")

    def judge_kept(before_it):
        files, log = kept()
        equal([str(path) for path in {**files, **before_it[0]} if files.get(path) != before_it[0].get(path)], [], "files that changed")
        check(log.startswith(before_it[1]) and len(log) > len(before_it[1]), "the log did not go on from where it was")
        all_up()
        call_by("--unit=after.service")

    with report.case("an upgrade keeps log, keys and edits, takes the new policy signed, and runs the new program"):
        state, old = kept(), machine.must("systemctl", "show", "-P", "MainPID", *UNITS).split()
        machine.copy(newer(deb, stage.folder, "9.0.0", "/etc/egresswarden/policy/default.yaml", "# of 9.0.0\n"), "/root/egresswarden.deb")
        machine.must("apt-get", "-q", "install", "-y", "/root/egresswarden.deb")
        # The agent becomes the new program in place; until it has, its program is one that was deleted.
        wait_until(lambda: machine.must("readlink", f"/proc/{old[1]}/exe").strip() == "/usr/bin/egresswardend", 20, "the agent runs the new program")
        wait_until(lambda: '"upgraded"' in machine.must("egresswarden", "audit", "list", "--json"), 20, "its log says so")
        judge_kept(state)
        now = machine.must("systemctl", "show", "-P", "MainPID", *UNITS).split()
        check(old[0] != now[0] and "0" not in now, f"the collector's main process is {old[0]}, then {now[0]}")
        equal(now[1], old[1], "the agent's main process")
        check((machine.root / "etc/egresswarden/policy/default.yaml").read_text().endswith("# of 9.0.0\n"), "the old policy is there")
        machine.must("egresswarden", "policy", "check", "--key", "/etc/egresswarden/trusted-keys/local.pem")
    with report.case("removed, it is out of the way; installed again, it goes on where it was"):
        state = kept()
        machine.must("apt-get", "-q", "remove", "-y", "egresswarden")
        judge_gone()
        machine.must("systemd-run", "--quiet", "--wait", "--pipe", "--collect", "curl", "-sSf", "--cacert", "/srv/provider-ca.pem", "https://api.openai.com/v1/models")
        machine.must("apt-get", "-q", "install", "-y", "/root/egresswarden.deb")
        judge_kept(state)
    with report.case("purge leaves nothing, though the configuration has a mistake: files, users, pins, cgroups, trust"):
        config.write_text(config.read_text() + "nonsense: 1\n")
        machine.must("apt-get", "-q", "purge", "-y", "egresswarden")
        judge_gone()
        after = machine.files()
        equal(sorted(path for path in after - before if not SYSTEMS_OWN.match(path)), [], "files left")
        equal(sorted(path for path in after if "egresswarden" in path and path != "root/egresswarden.deb"), [], "paths that name it")
        equal(machine.must("find", "/", "-xdev", "(", "-nouser", "-o", "-nogroup", ")").split(), [], "files of users that are gone")
        for name in ("egresswarden-proxy", "egresswarden-collector"):
            check(machine.run("getent", "passwd", name).returncode != 0, f"user {name} is left")
            check(machine.run("getent", "group", name).returncode != 0, f"group {name} is left")
        equal(machine.must("systemctl", "list-units", "--all", "--no-legend", "egresswarden*"), "", "units left")
