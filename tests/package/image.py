#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The container image under the DaemonSet's own security context: runc starts it with the manifest's capabilities,
read-only root and mounts, it gets ready, guards the cgroup it was given and ends cleanly."""
import hashlib
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from rig import Report, Stage, check, equal, samples  # noqa: E402
from rig.agent import field, free_port, parse_lines  # noqa: E402
from rig.cgroup import cgroup2_mount  # noqa: E402
from rig.container import CAPABILITIES, Container, manifests, unpack  # noqa: E402
from rig.deb import ROOT, build_deb  # noqa: E402
from rig.process import children_of, run, wait_until  # noqa: E402

IMAGE = ROOT / "packaging/image"
OPENAI = "api.openai.com"


def status_of(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


with Stage("image") as stage, Report("image") as report:
    archive, root = stage.folder / "image.tar", stage.folder / "root"
    with report.case("the image builds", fatal=True):
        done = subprocess.run([IMAGE / "build-image", build_deb(), archive, ROOT / "build/package/image-base.tar"], capture_output=True, text=True)
        check(done.returncode == 0, done.stderr[-600:])
        config = unpack(archive, root)
        equal(config["config"]["Entrypoint"], ["/usr/bin/egresswardend"], "entry point")
        print(f"     {archive.stat().st_size >> 20} MiB compressed, {sum(f.stat().st_size for f in root.rglob('*') if f.is_file() and not f.is_symlink()) >> 20} MiB unpacked")
    with report.case("no key, certificate or signature of the build is in it"):
        found = [str(path.relative_to(root)) for top in ("etc/egresswarden", "var/lib/egresswarden", "tmp") for path in (root / top).rglob("*") if path.is_file()]
        equal(sorted(found), ["etc/egresswarden/agent.yaml", "etc/egresswarden/collector.yaml", "etc/egresswarden/policy/default.yaml", "etc/egresswarden/policy/default_test.yaml"], "files")
        equal([str(path) for path in root.rglob("*.key")], [], "private keys anywhere")

    with report.case("every manifest validates", fatal=True):
        documents = manifests(stage.node)
    pod = documents["DaemonSet"]["egresswarden-agent"]["spec"]["template"]["spec"]
    maps = documents["ConfigMap"]
    container = Container(stage, root, config["config"], pod, "agent")
    # In a cgroup namespace the agent takes the top for its own place; a test that ends early leaves what it made there.
    made_at_top = cgroup2_mount() / f"egresswarden-workers-{hashlib.sha256(b'/var/lib/egresswarden').hexdigest()[:8]}"
    stage.at_end(lambda: made_at_top.is_dir() and os.rmdir(made_at_top))
    keys = stage.folder / "keys"
    subprocess.run([ROOT / "packaging/make-fleet-certificates", stage.folder / "made"], check=True, capture_output=True)
    keys.mkdir()
    run([stage.binary("egresswarden"), "policy", "keygen", "--key", keys / "policy.key"])
    (keys / "policy.key.pub").rename(keys / "policy.pem")
    policy = container.config_map("policy", maps["egresswarden-policy"])
    with report.case("the manifest's policy can be signed", fatal=True):
        done = run([stage.binary("egresswarden"), "policy", "sign", policy, "--key", keys / "policy.key"])
        check(done.returncode == 0, done.stderr.decode())
    # What the cluster would bring: secrets, and host folders; those of this machine are replaced by the stage's own.
    fleet = stage.folder / "fleet"
    fleet.mkdir()
    for name, source in {"tls.crt": "agent.pem", "tls.key": "agent.key", "ca.crt": "ca.pem"}.items():
        (fleet / name).write_bytes((stage.folder / "made" / source).read_bytes())
    (keys / "policy.key").unlink()
    port = free_port()
    agent = container.config_map("config", maps["egresswarden-config"]) / "agent.yaml"
    text = agent.read_text()
    double = stage.double()
    (fleet / "provider-ca.pem").write_bytes(double.ca.read_bytes())
    # The image has no hosts file: the addresses of this test stand in the configuration.
    place = f"cgroup: {stage.guarded.path}\n  endpoints: [{{ host: {OPENAI}, provider: openai, dialect: openai, addresses: [{stage.addresses[OPENAI]}] }}]"
    for before, after in (("cgroup: auto", place), ("0.0.0.0:9466", f"127.0.0.1:{port}"), ("trust: {", "provider_roots: /etc/egresswarden/fleet/provider-ca.pem\ntrust: {")):
        equal(text.count(before), 1, before)
        text = text.replace(before, after)
    agent.write_text(text)
    container.volume("policy-keys", keys)
    container.volume("fleet", fleet)
    container.volume("bpffs", stage.bpffs)
    container.volume("cgroup", pathlib.Path("/sys/fs/cgroup"))
    for name in ("state", "run"):
        (stage.folder / name).mkdir()
        container.volume(name, stage.folder / name)

    with report.case("egresswardend --check accepts the manifest's configuration", fatal=True):
        done = container.once([*config["config"]["Entrypoint"], *pod["containers"][0]["args"], "--check"])
        equal((done.returncode, done.stderr.decode()), (0, ""), "status and complaints")
    with report.case("it gets ready under the DaemonSet's security context", fatal=True):
        process = container.start()
        wait_until(lambda: (stage.folder / "run/ready").exists() or not process.running(), 30, lambda: f"ready: {process.tail()}")
        check(process.running(), f"it ended: {process.tail()}")
    with report.case("the readiness and liveness probes pass"):
        for probe in ("readinessProbe", "livenessProbe"):
            done = container.inside(pod["containers"][0][probe]["exec"]["command"])
            check(done.returncode == 0, f"{probe}: {(done.stderr or done.stdout).decode()[-300:]}")
    with report.case("it has the capabilities that the manifest lists, no other, and cannot gain any"):
        leader = container.leader()
        status = status_of(leader)
        numbers = {name: number for number, name in enumerate(CAPABILITIES)}
        wanted = sum(1 << numbers[f"CAP_{name}"] for name in pod["containers"][0]["securityContext"]["capabilities"]["add"])
        equal((int(status["CapEff"], 16), int(status["CapBnd"], 16), status["NoNewPrivs"]), (wanted, wanted, "1"), "effective, bounding, no_new_privs")
        check(container.inside(["touch", "/usr/x"]).returncode != 0, "the root file system is writable")
    with report.case("its workers have none, and a filter and user of their own"):
        workers = children_of(leader)
        check(workers, "no workers")
        for pid in workers:
            status = status_of(pid)
            equal((int(status["CapEff"], 16), status["Seccomp"], status["Uid"].split()[0] != "0"), (0, "2", True), "capabilities, seccomp, user")
    with report.case("it guards the cgroup it was given and nothing else"):
        tree = json.loads(run(["bpftool", "--json", "cgroup", "tree", str(stage.base.path)]).stdout or "[]")
        equal([place["cgroup"] for place in tree if any(program["name"] == "ew_connect4" for program in place["programs"])], [str(stage.guarded.path)], "attached at")
    with report.case("a curl of the node is attributed by the pod, in namespaces of its own, to user, executable and cgroup"):
        chat = json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": samples.HARMLESS}]})
        root_certificate = stage.folder / "root.pem"
        root_certificate.write_bytes((stage.folder / "state/authority/root.pem").read_bytes())
        done = run(["curl", "-sS", "--http1.1", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", root_certificate, "-H", "content-type: application/json", "-d", chat,
                    f"https://{OPENAI}/v1/chat/completions"], cgroup=stage.guarded, uid=61001)
        equal((done.stdout, done.stderr), (b"200", b""), "status and complaints")
        listed = container.inside(["/usr/bin/egresswarden", "audit", "list", "--json"])
        record = [one for one in parse_lines(listed.stdout.decode()) if one.get("kind") == "decision"][-1]
        equal((field(record, "dec.verdict"), field(record, "user.uid"), field(record, "proc.comm"), field(record, "proc.cgroup")), ("allow", 61001, "curl", stage.guarded.below_mount), "verdict, user, program, cgroup")
    with report.case("SIGTERM ends it within the grace period; the command line in the image takes its pins away"):
        equal(container.stop(20), 0, "exit status")
        done = container.once(["/usr/bin/egresswarden", "down", "--config", "/etc/egresswarden/agent.yaml"])
        check("egresswarden" not in os.listdir(stage.bpffs), f"pins are left: {done.stdout.decode()}")
