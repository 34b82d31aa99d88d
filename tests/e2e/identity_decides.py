#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The same prompt from different users, executables and units gets the verdicts that identity-bound rules demand;
nothing an application says of itself changes them; `policy explain` agrees."""
import hashlib
import json
import os
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from rig import Report, Stage, check, equal, samples  # noqa: E402
from rig.agent import field  # noqa: E402

CHAT = "https://api.openai.com/v1/chat/completions"
BODY = {"model": "gpt-5", "messages": [{"role": "user", "content": samples.HARMLESS}]}
POLICY = """\
apiVersion: egresswarden/v1
kind: PolicyBundle
metadata: { name: identity, version: "1" }
spec:
  defaults: { decision: block, mode: enforce, on_unreadable: block }
  rules:
    - id: alice-may
      effect: allow
      when: { identity: { user: [ew-alice] } }
    - id: tool-may
      effect: allow
      when: { identity: { exe_sha256: [%s] } }
    - id: rag-may
      effect: allow
      when: { identity: { unit: [ew-rag.service] } }
    - id: carol-never
      effect: block
      when: { identity: { user: [ew-carol] } }
      message: Carol has left the project.
    - id: frozen-unit
      effect: block
      when: { identity: { unit: [ew-frozen.service] } }
"""


def two_curls(stage):
    """Two executables of one name: curl itself, and curl with a few bytes behind its end."""
    paths = []
    for folder in ("a", "b"):
        path = stage.folder / folder / "curl"
        path.parent.mkdir()
        shutil.copy(shutil.which("curl"), path)
        paths.append(path)
    with open(paths[1], "ab") as file:
        file.write(b"another build")
    return paths


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def explain(agent, stage, identity):
    facts = stage.folder / f"facts-{stage.number()}.json"
    facts.write_text(json.dumps({"identity": identity, "destination": {"provider": "openai", "host": "api.openai.com"}, "data": [], "request": {}}))
    done = agent.command("policy", "explain", agent.policy_file, "--facts", facts, "--json", ok=(0, 1))
    return json.loads(done.stdout)


with Stage("identity", slices=True) as stage, Report("identity") as report:
    double = stage.double()
    plain_curl, other_curl = two_curls(stage)
    agent = stage.agent(POLICY % digest(plain_curl))
    with report.case("the agent starts", fatal=True):
        agent.start()
    guarded = stage.guard(agent)
    alice, bob, carol = (guarded.as_user(name) for name in ("ew-alice", "ew-bob", "ew-carol"))

    def call(place, program="curl", body=BODY, words=()):
        return place.curl(CHAT, json.dumps(body), *words, program=program)

    def refused(place, reason_part="", **more):
        mark = double.seen()
        answer = call(place, **more)
        equal(answer.status, 400, f"status ({answer})")
        check(not double.requests(mark), "the request reached the provider")
        record = agent.decision_of(answer.req)
        equal(field(record, "dec.verdict"), "block", "verdict")
        check(reason_part in (field(record, "dec.reason") or "") + " ".join(field(record, "pol.rules") or []),
              f"{reason_part} is neither reason nor rule: {field(record, 'dec.reason')} {field(record, 'pol.rules')}")
        return record

    def allowed(place, rule, **more):
        mark = len(agent.records("decision"))
        answer = call(place, **more)
        equal(answer.status, 200, f"status ({answer})")
        record = agent.records("decision")[mark:][-1]
        equal((field(record, "dec.verdict"), rule in field(record, "pol.rules")), ("allow", True), f"verdict and {rule} in {field(record, 'pol.rules')}")
        return record

    def told(identity, verdict, deciding=""):
        said = explain(agent, stage, identity)
        equal(said["verdict"], verdict, f"policy explain of {identity}")
        equal(said.get("deciding") or "", deciding, f"deciding rule for {identity}")

    other = {"exe_sha256": "0" * 64, "unit": "ew-other.service"}
    with report.case("two users: one may, one may not"):
        record = allowed(alice, "alice-may", program=other_curl)
        equal(field(record, "user.uid"), stage.users["ew-alice"], "uid in the record")
        refused(bob, "default", program=other_curl)
        told({"user": "ew-alice", **other}, "allow", "alice-may")
        told({"user": "ew-bob", **other}, "block")
    with report.case("two executables of one name: the digest decides"):
        record = allowed(bob, "tool-may", program=plain_curl)
        equal(field(record, "proc.exe_sha256"), digest(plain_curl), "digest in the record")
        equal(field(refused(bob, program=other_curl), "proc.exe_sha256"), digest(other_curl), "digest in the record")
        told({"user": "ew-bob", "exe_sha256": digest(plain_curl)}, "allow", "tool-may")
        told({"user": "ew-bob", "exe_sha256": digest(other_curl)}, "block")
    with report.case("two units: the cgroup decides"):
        record = allowed(bob.inside("ew-rag.service"), "rag-may", program=other_curl)
        equal(field(record, "unit"), "ew-rag.service", "unit in the record")
        equal(field(refused(bob.inside("ew-other.service"), program=other_curl), "unit"), "ew-other.service", "unit in the record")
        told({"user": "ew-bob", **other, "unit": "ew-rag.service"}, "allow", "rag-may")
        told({"user": "ew-bob", **other}, "block")
    for forged in ("ew-other.service/ew-rag.service", "ew-rag.service.scope"):
        with report.case(f"a forged cgroup name does not make a unit: {forged}"):
            refused(bob.inside(forged), program=other_curl)

    def of_bobs_own_making():
        """A cgroup that Bob was given and in which he made one with the name of a unit."""
        given = stage.guarded.child("ew-bob.slice")
        made = given.child("ew-rag.service")
        for cgroup in (given, made):
            os.chown(cgroup.path, stage.users["ew-bob"], -1)
        return "ew-bob.slice/ew-rag.service"

    with report.case("a cgroup name of the user's own making does not make a unit"):
        refused(bob.inside(of_bobs_own_making()), "unresolved:identity.unit", program=other_curl)
    with report.case("a block rule overrides: Carol, even in the unit and with the tool"):
        refused(carol.inside("ew-rag.service"), "carol-never", program=plain_curl)
        told({"user": "ew-carol", "exe_sha256": digest(plain_curl), "unit": "ew-rag.service"}, "block", "carol-never")
    with report.case("what an application says of itself changes nothing"):
        refused(bob, program=other_curl, body={**BODY, "user": "ew-alice"}, words=["-A", "ew-alice", "-H", "x-user: ew-alice"])
        script = f'exec -a ew-alice {other_curl} -sS --http1.1 --cacert {guarded.ca} {CHAT} -o /dev/null -w "%{{http_code}}" -d \'{json.dumps(BODY)}\''
        equal(bob.run(["bash", "-c", script]).stdout, b"400", "status with a forged argv[0]")
        script = ("import ctypes,sys,urllib.request as u,urllib.error as e\n"
                  "ctypes.CDLL(None).prctl(15, b'ew-rag.service')\n"
                  f"r=u.Request('{CHAT}', data=sys.stdin.buffer.read(), headers={{'content-type':'application/json'}})\n"
                  "try:\n print(u.urlopen(r).status)\nexcept e.HTTPError as x:\n print(x.code)\n")
        done = bob.run(["/usr/bin/python3", "-c", script], env={"SSL_CERT_FILE": guarded.ca}, stdin=json.dumps(BODY))
        equal(done.stdout.strip(), b"400", f"status with a forged process name ({done.stderr[-200:]})")
    with report.case("an unresolved identity blocks where a block rule needs it, though an allow rule matches"):
        refused(alice.inside(of_bobs_own_making()), "unresolved:identity.unit", program=plain_curl)
        said = explain(agent, stage, {"user": "ew-alice", "unit": None})
        equal((said["verdict"], said["reason"]), ("block", "unresolved:identity.unit"), "policy explain of a null unit")
        said = explain(agent, stage, {"user": None, "unit": "ew-rag.service"})
        equal((said["verdict"], said["reason"]), ("block", "unresolved:identity.user"), "policy explain of a null user")
