#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bad input of every kind: a clear error, a record, nothing of it at the provider, and the agent goes on."""
import gzip
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from rig import Report, Stage, check, equal, samples  # noqa: E402
from rig.agent import field  # noqa: E402
from rig.client import SOURCE  # noqa: E402
from rig.process import run, wait_until  # noqa: E402

CHAT = "https://api.openai.com/v1/chat/completions"
GOOD = json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": samples.HARMLESS}]})
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: api.openai.com\r\nContent-Type: application/json\r\n"
HIDDEN = b"POST /v1/chat/completions HTTP/1.1\r\nHost: api.openai.com\r\nContent-Length: 2\r\n\r\n{}"
SIZE = str(len(GOOD)).encode()
SMUGGLING = {
    "both lengths": HEAD + b"Content-Length: " + SIZE + b"\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "two content-lengths": HEAD + b"Content-Length: 2\r\nContent-Length: " + SIZE + b"\r\n\r\n" + GOOD.encode(),
    "a list of content-lengths": HEAD + b"Content-Length: " + SIZE + b", 2\r\n\r\n" + GOOD.encode(),
    "a signed content-length": HEAD + b"Content-Length: +" + SIZE + b"\r\n\r\n" + GOOD.encode(),
    "chunked, not last": HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunked, spelt with a tab": HEAD + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "a bad chunk size": HEAD + b"Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n",
    "a huge chunk size": HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    "a chunk without its line end": HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}0\r\n\r\n",
    "a bare LF": HEAD.replace(b"\r\n", b"\n") + b"Content-Length: 2\n\n{}",
    "a lone CR": HEAD + b"X-Note: a\rTransfer-Encoding: chunked\r\nContent-Length: " + SIZE + b"\r\n\r\n" + GOOD.encode(),
    "a folded header": HEAD + b"X-Note: a\r\n Content-Length: 2\r\nContent-Length: " + SIZE + b"\r\n\r\n" + GOOD.encode(),
    "a space before the colon": HEAD + b"Content-Length : " + SIZE + b"\r\n\r\n" + GOOD.encode(),
    "a NUL in a header": HEAD + b"X-Note: a\x00b\r\nContent-Length: " + SIZE + b"\r\n\r\n" + GOOD.encode(),
    "another Host than the name of the TLS handshake": HEAD.replace(b"api.openai.com", b"api.anthropic.com") + b"Content-Length: " + SIZE + b"\r\n\r\n" + GOOD.encode(),
    "no Host": HEAD.replace(b"Host: api.openai.com\r\n", b"") + b"Content-Length: " + SIZE + b"\r\n\r\n" + GOOD.encode(),
    "two Hosts": HEAD + b"Host: api.anthropic.com\r\nContent-Length: " + SIZE + b"\r\n\r\n" + GOOD.encode(),
}
CERTIFICATES = ("expired", "selfsigned", "wrongname", "stranger")

with Stage("bad_input") as stage, Report("bad_input") as report:
    names = [f"{kind}.llm.example" for kind in CERTIFICATES]
    places = {f"{kind}.llm.example": f"{stage.block}.{20 + number}" for number, kind in enumerate(CERTIFICATES)}
    stage.name_hosts(places)
    double = stage.double({f"{places[f'{kind}.llm.example']}:443": kind for kind in CERTIFICATES}, names=["api.openai.com", "api.anthropic.com", *names])
    endpoints = [{"host": name, "port": 443, "tls": True, "dialect": "openai", "provider": "openai", "addresses": [address]} for name, address in places.items()]
    agent = stage.agent(samples.POLICY, intercept={"endpoints": endpoints}, limits={"body_bytes_max": "256KiB"})
    with report.case("the agent starts", fatal=True):
        agent.start()
    guarded = stage.guard(agent)

    def raw(data, way="tls", seconds=3):
        done = guarded.run([SOURCE / "raw.py", way, "api.openai.com", "443", guarded.ca, seconds], stdin=data)
        return done

    def entries():
        return len([1 for record in agent.records() if record["kind"] in ("decision", "flow")])

    def refused(case, send, *, statuses=(400,), reason=None, recorded=True):
        with report.case(case):
            mark, before = double.seen(), entries()
            status, text = send()
            check(status in statuses, f"status {status}: {text[:300]!r}")
            equal(len(double.requests(mark)), 0, "requests at the provider")
            if recorded:
                wait_until(lambda: entries() > before, 5, "a record of it")
            if reason:
                last = agent.records("decision")[-1]
                equal(field(last, "dec.verdict"), "not_evaluated", f"verdict ({field(last, 'dec.reason')})")
                equal(field(last, "dec.action"), "block", "action")
                check(any(word in f"{field(last, 'dec.reason')}" for word in reason), f"reason {field(last, 'dec.reason')}, wanted one of {reason}")
            equal(guarded.curl(CHAT, GOOD).status, 200, "status of a good call right after")

    def by_raw(data):
        done = raw(data)
        if done.returncode == 3:
            return "closed", b""
        line = done.stdout.split(b"\r\n")[0].split()
        # One answer at most: a second one would mean that hidden bytes were taken as a request.
        check(done.stdout.count(b"HTTP/1.1 ") <= 1, f"several answers: {done.stdout[:400]!r}")
        return int(line[1]) if len(line) > 1 else None, done.stdout

    def by_curl(body, *words, url=CHAT):
        answer = guarded.curl(url, body, *words)
        return answer.status, answer.body or answer.stderr.encode()

    for name, data in SMUGGLING.items():
        refused(f"malformed HTTP: {name}", lambda: by_raw(data), statuses=(400, "closed"))

    with report.case("two pipelined requests are two requests, answered in order"):
        mark = double.seen()
        one = HEAD + b"Content-Length: " + SIZE + b"\r\n"
        done = raw(one + b"\r\n" + GOOD.encode() + one + b"Connection: close\r\n\r\n" + GOOD.encode(), seconds=5)
        equal((done.stdout.count(b"HTTP/1.1 200"), len(double.requests(mark))), (2, 2), "answers and requests")
    for name, data in {"half a client hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 40, "an alert instead of a hello": b"\x15\x03\x01\x00\x02\x02\x28",
                       "a record of garbage": b"\x16\x03\x01\xff\xff" + b"\xff" * 300, "neither TLS nor HTTP": b"SSH-2.0-nothing\r\n"}.items():
        with report.case(f"truncated or broken TLS: {name}"):
            connections = len([1 for line in double.lines() if line["event"] == "request"])
            raw(data, way="tcp", seconds=2)
            equal(double.seen(), connections, "requests at the provider")
            equal(guarded.curl(CHAT, GOOD).status, 200, "status of a good call right after")

    big = json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": "tide " * 100_000}]})
    refused("a body over the cap", lambda: by_curl(big), reason=("large", "size", "cap", "body"))
    refused("a body over the cap, chunked", lambda: by_curl(big, "-H", "transfer-encoding: chunked"), reason=("large", "size", "cap", "body"))
    for name, body in {"cut off": GOOD[:-2], "trailing data": GOOD + "{}", "not JSON": "model=gpt-5&messages=hello", "empty": " ", "a byte order mark": "\ufeff" + GOOD,
                       "two models": GOOD[:-1] + ',"model":"other"}', "too deep": '{"model":"m","messages":' + "[" * 5000 + "]" * 5000 + "}"}.items():
        refused(f"invalid JSON: {name}", lambda: by_curl(body.encode()), reason=("json", "duplicate", "trailing", "deep", "depth", "body", "utf", "empty", "shape"))
    for name, body in {"a lone continuation": GOOD.replace("harbour", "harb\udc80r"), "an overlong slash": GOOD.replace("harbour", "\udcc0\udcaf")}.items():
        refused(f"invalid UTF-8: {name}", lambda: by_curl(body.encode("utf-8", "surrogateescape")), reason=("utf", "json"))
    bomb = gzip.compress(b'{"model":"gpt-5","messages":[{"role":"user","content":"' + b"0" * 200_000_000 + b'"}]}')
    refused("a gzip bomb", lambda: by_curl(bomb, "-H", "content-encoding: gzip"), reason=("expan", "large", "size", "bomb", "coding", "body", "cap"))
    refused("broken gzip", lambda: by_curl(gzip.compress(GOOD.encode())[:-9], "-H", "content-encoding: gzip"), reason=("coding", "gzip", "body"))
    refused("an unknown coding", lambda: by_curl(GOOD, "-H", "content-encoding: rot13"), reason=("coding",))
    refused("an unknown path", lambda: by_curl(GOOD, url="https://api.openai.com/v1/nobody/knows"), reason=("shape", "path", "unknown", "api"))
    with report.case("gzip that is well formed passes, bytes as sent"):
        packed, mark = gzip.compress(GOOD.encode()), double.seen()
        equal(by_curl(packed, "-H", "content-encoding: gzip")[0], 200, "status")
        equal([request.body for request in double.requests(mark)], [packed], "bodies at the provider")

    for kind in CERTIFICATES:
        url = f"https://{kind}.llm.example/v1/chat/completions"
        refused(f"provider certificate: {kind}", lambda: by_curl(GOOD, url=url), statuses=(400, 502, 503))
        with report.case(f"provider certificate: {kind}: the answer says so"):
            check("certificate" in by_curl(GOOD, url=url)[1].decode().lower(), by_curl(GOOD, url=url)[1][:300])

    with report.case("a broken policy on reload: the old one stays, and the log says where it is broken"):
        agent.policy_file.write_text(samples.POLICY.replace("effect: redact", "efect: redact"))
        agent.reload()
        wait_until(lambda: "efect" in agent.daemon.log.read_text() or "policy.yaml:" in agent.daemon.log.read_text(), 5, "the log names the error")
        equal(guarded.curl(CHAT, GOOD.replace("harbour", samples.github_token())).status, 400, "status of a secret")
        equal(guarded.curl(CHAT, GOOD).status, 200, "status of a good call")
    with report.case("a mended policy on reload is taken"):
        agent.policy_file.write_text(samples.POLICY.replace('version: "1"', 'version: "2"').replace("models-allowed", "models-open"))
        agent.reload()
        wait_until(lambda: guarded.curl(CHAT, GOOD).status and "models-open" in (field(agent.records("decision")[-1], "pol.rules") or []), 10, "the new rule decides")
        check(agent.records("policy_load"), "a policy_load record")
    with report.case("a config typo: no start, and file, line, key and a remedy are named"):
        broken = agent.folder / "typo.yaml"
        text = agent.config_file.read_text().replace("on_agent_down:", "on_agent_donw:")
        broken.write_text(text)
        line = next(number for number, content in enumerate(text.splitlines(), 1) if "donw" in content)
        done = run([stage.binary("egresswardend"), "--config", broken], timeout_s=20)
        said = done.stderr.decode()
        check(done.returncode not in (0, None), "it started")
        check(f"typo.yaml:{line}" in said and "on_agent_donw" in said, f"said: {said}")
    with report.case("the log verifies"):
        agent.verify()
