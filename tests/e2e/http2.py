#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 on both legs: what is allowed is what a direct call gives, each stream has its own decision, the application's version is
the provider's choice, and hostile frames end a stream or a connection and nothing else."""
import json
import pathlib
import re
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
sys.path.append("/usr/lib/python3/dist-packages")  # Debian's python3-h2, whichever python3 comes first
import hpack  # noqa: E402
from hyperframe.frame import (  # noqa: E402
                              ContinuationFrame, DataFrame, Frame, GoAwayFrame, HeadersFrame, PingFrame, PriorityFrame, RstStreamFrame,
                              SettingsFrame, WindowUpdateFrame)
from rig import Report, Stage, check, equal, samples  # noqa: E402
from rig.agent import field  # noqa: E402
from rig.client import SOURCE  # noqa: E402
from rig.process import wait_until  # noqa: E402

CHAT = "https://api.openai.com/v1/chat/completions"
HOSTS = {"older.llm.example": "good", "grpc.llm.example": "good+onlyh2", "plain.llm.example": "plain+h2"}
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
TOKEN = re.compile(r"\[PII:US_SSN#[0-9a-z]+\]")
POLICY = samples.POLICY.replace("    - id: models-allowed", """\
    - id: grpc-unread
      effect: allow
      when: { destination: { host: grpc.llm.example } }
    - id: models-allowed""")


def chat(prompt=samples.HARMLESS, **more):
    return json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": prompt}], **more})


def head(**fields):
    """A HEADERS block; names with _ for -, pseudo-fields given by their own names."""
    usual = {":method": "POST", ":scheme": "https", ":authority": "api.openai.com", ":path": "/v1/chat/completions", "content-type": "application/json", "authorization": "Bearer test"}
    return hpack.Encoder().encode([(name, value) for name, value in {**usual, **fields}.items() if value is not None], huffman=False)


def wire(*frames):
    return PREFACE + SettingsFrame(0).serialize() + b"".join(frame if isinstance(frame, bytes) else frame.serialize() for frame in frames)


def headers(stream, block=None, flags=("END_HEADERS",), **more):
    return HeadersFrame(stream, head() if block is None else block, flags=flags, **more)


def data(stream, body=b"", flags=("END_STREAM",)):
    return DataFrame(stream, body, flags=flags)


def good(stream):
    return headers(stream).serialize() + data(stream, chat().encode()).serialize()


def frames_of(raw):
    found = []
    while len(raw) >= 9:
        frame, length = Frame.parse_frame_header(memoryview(raw[:9]))
        frame.parse_body(memoryview(raw[9:9 + length]))
        found.append(frame)
        raw = raw[9 + length:]
    return found


with Stage("http2") as stage, Report("http2") as report:
    places = {name: f"{stage.block}.{20 + number}" for number, name in enumerate(HOSTS)}
    stage.name_hosts(places)
    ports = {name: 11434 if kind.startswith("plain") else 443 for name, kind in HOSTS.items()}
    double = stage.double({f"{stage.addresses['api.openai.com']}:443": "good+h2", **{f"{places[name]}:{ports[name]}": kind for name, kind in HOSTS.items()}},
                          names=["api.openai.com", "api.anthropic.com", *HOSTS])
    endpoints = [{"host": name, "port": ports[name], "tls": not kind.startswith("plain"), "dialect": "openai", "provider": "openai", "addresses": [places[name]]} for name, kind in HOSTS.items()]
    agent = stage.agent(POLICY, intercept={"endpoints": endpoints}, limits={"body_bytes_max": "1MiB"})
    with report.case("the agent starts", fatal=True):
        agent.start()
    direct, guarded = stage.direct(), stage.guard(agent)
    go = stage.folder / "h2call-go"
    subprocess.run(["go", "build", "-o", go, SOURCE / "h2call.go"], check=True)
    go.chmod(0o755)

    def by_curl(place, body, url=CHAT):
        answer = place.curl(url, body.encode(), "--http2", "-N")
        return {"status": answer.status, "body": answer.body.decode(), "headers": answer.head_lines, "version": answer.head_lines[0].split()[0]}

    def by_file(place, argv, body, env=None):
        file = stage.folder / f"body-{stage.number()}"
        file.write_text(body)
        done = place.run([*argv[:1], *argv[1:], CHAT, file, *([place.ca] if "py" in str(argv[0]) else [])], env=env)
        check(done.returncode == 0, f"the client ended with {done.returncode}: {done.stderr[-400:]}")
        return json.loads(done.stdout)

    def by_node(place, by, body, **more):
        return place.node("h2call.js", {"by": by, "url": CHAT, "body": body, **more})

    CLIENTS = {"curl": by_curl,
               "Node fetch with allowH2": lambda place, body: by_node(place, "fetch", body)[0],
               "node:http2": lambda place, body: {key: value for key, value in by_node(place, "http2", body)[0].items() if key != "times_us"},
               "Go net/http": lambda place, body: by_file(place, [go], body, {"SSL_CERT_FILE": place.ca}),
               "Python httpx": lambda place, body: by_file(place, [SOURCE / "h2call.py"], body)}

    def same_both_ways(call, body):
        """-> the request as received by either way; the client's view is equal."""
        requests, views = [], []
        for place in (direct, guarded):
            mark = double.seen()
            views.append(call(place, body))
            received = double.requests(mark)
            equal(len(received), 1, "requests at the provider")
            requests.append(received[0])
        equal(views[1], views[0], "what the client got")
        equal(views[1]["status"], 200, "status")
        equal([request.line["version"] for request in requests], ["2.0", "2.0"], "versions at the provider")
        return requests

    for name, call in CLIENTS.items():
        for stream in (False, True):
            with report.case(f"{name}: {'stream' if stream else 'allow'}"):
                plain, through = same_both_ways(call, chat(stream=stream))
                equal(through.body, plain.body, "body at the provider")
                ordered = sorted if name.startswith("Go") else list  # Go writes its own in an order that changes from call to call
                equal(ordered(through.headers), ordered(plain.headers), "fields at the provider, pseudo-fields too, in order")
        with report.case(f"{name}: block"):
            mark = double.seen()
            answer = call(guarded, chat(samples.secret_prompt()))
            equal((answer["status"], double.seen() - mark), (400, 0), "status, requests at the provider")
            error = json.loads(answer["body"])["error"]
            check(error["code"] == "policy_violation" and "no-secrets" in error["message"], f"the error is {error}")
            record = agent.decision_of(error["message"].rsplit("Reference: ", 1)[1])
            equal((field(record, "dec.action"), field(record, "net.alpn")), ("block", "h2"), "the record")
        with report.case(f"{name}: redact"):
            mark = double.seen()
            answer = call(guarded, chat(samples.ssn_prompt()))
            equal(answer["status"], 200, "status")
            (received,) = double.requests(mark)
            body = received.body.decode()
            check(samples.ssn() not in body and TOKEN.search(body), f"the body at the provider: {body}")
            equal(TOKEN.sub(samples.ssn(), body), chat(samples.ssn_prompt()), "the body but the token")
            if received.header("content-length"):
                equal(int(received.header("content-length")), len(body), "content-length")

    with report.case("the client's settings reach the provider"):
        seen = [line["settings"] for line in double.lines() if line["event"] == "settings"]
        mark = len(seen)
        by_curl(direct, chat()), by_curl(guarded, chat())
        plain, through = [line["settings"] for line in double.lines() if line["event"] == "settings"][mark:][:2]
        equal(through, {**plain, "enablePush": False}, "settings at the provider")

    with report.case("1,000 streams on one connection, as many at once as it takes: each its own decision and answer"):
        before, mark = len(agent.records("decision")), double.seen()
        results = by_node(guarded, "http2", chat("Number {n} of the tide table."), times=1000)
        equal([result["status"] for result in results], [200] * 1000, "statuses")
        received = double.requests(mark)
        equal(sorted(json.loads(request.body)["messages"][0]["content"] for request in received), sorted(f"Number {n} of the tide table." for n in range(1000)), "prompts at the provider")
        equal(len({request.connection for request in received}), 1, "connections at the provider")
        wait_until(lambda: len(agent.records("outcome")) >= len(agent.records("decision")), 5, "outcomes")
        equal(len(agent.records("decision")) - before, 1000, "decisions")

    with report.case("a blocked stream ends alone: its neighbours on the connection go on"):
        mark = double.seen()
        secret = samples.github_token()
        bodies = wire(*(headers(1 + 2 * n).serialize() + data(1 + 2 * n, chat(secret if n == 1 else f"plain {n}").encode()).serialize() for n in range(4)))
        answered = frames_of(guarded.run([SOURCE / "raw.py", "h2", "api.openai.com", "443", guarded.ca, "2"], stdin=bodies).stdout)
        decoder = hpack.Decoder()
        statuses = {frame.stream_id: dict(decoder.decode(frame.data))[":status"] for frame in answered if isinstance(frame, HeadersFrame)}
        equal((statuses, double.seen() - mark), ({1: "200", 3: "400", 5: "200", 7: "200"}, 3), "statuses by stream, requests at the provider")

    def stream_of(place, **switches):
        return by_node(place, "http2", chat(stream=True), headers={f"x-double-{name.replace('_', '-')}": str(value) for name, value in switches.items()})[0]

    with report.case("each event when it arrives"):
        times = stream_of(guarded, gap_ms=30, events=10)["times_us"]
        gaps = [later - earlier for earlier, later in zip(times, times[1:])]
        check(len(times) >= 10 and times[0] < times[-1] / 4, f"arrivals {times}")
        check(sum(gap > 15_000 for gap in gaps) >= 8, f"gaps {gaps}")
    with report.case("a stream that the provider resets is reset for the application, with what came before"):
        result = stream_of(guarded, reset=3)
        equal((result["status"], result["code"], result["body"].count("data: ")), (200, 2, 3), "status, RST_STREAM code, events")
        wait_until(lambda: field(agent.records("outcome")[-1], "out.end") == "provider_error", 5, "the outcome")
    with report.case("a provider that goes in the middle looks like it"):
        result = stream_of(guarded, drop=3, gap_ms=20)
        check(result["status"] == 200 and result["code"] != 0, f"status {result['status']}, code {result['code']}")
        equal(by_curl(guarded, chat())["status"], 200, "status of a good call right after")
    with report.case("GOAWAY of the provider: the answer still comes, the next connection is a new one"):
        equal(stream_of(guarded, goaway=1)["status"], 200, "status")
        equal(by_curl(guarded, chat())["status"], 200, "status of a good call right after")
    with report.case("an application that resets its stream ends the provider's"):
        before = len(agent.records("outcome"))
        by_node(guarded, "http2", chat(stream=True), headers={"x-double-gap-ms": "20", "x-double-events": "200"}, abort_after=3)
        wait_until(lambda: len(agent.records("outcome")) > before, 3, "an outcome long before the stream's own end")
        equal(field(agent.records("outcome")[-1], "out.end"), "client_abort", "outcome")

    with report.case("a slow reader does not grow memory, and its provider waits"):
        pids = agent.workers()
        peak = lambda: sum(int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) for pid in pids)  # noqa: E731
        before = peak()
        wide = wire(WindowUpdateFrame(0, window_increment=2**30), SettingsFrame(0, settings={4: 2**30}),
                    headers(1, head(**{"x-double-filler": "65536", "x-double-events": "3000"})), data(1, chat(stream=True).encode()))
        # It sends and never reads: the socket's buffers fill, and nothing else.
        script = "import socket,ssl,sys,time\nc=ssl.create_default_context(cafile=sys.argv[1]);c.set_alpn_protocols(['h2'])\ns=c.wrap_socket(socket.create_connection(('api.openai.com',443)),server_hostname='api.openai.com')\ns.sendall(sys.stdin.buffer.read());time.sleep(4)"
        guarded.run(["/usr/bin/python3", "-c", script, guarded.ca], stdin=wide, timeout_s=20)
        grown = peak() - before
        check(grown < 8_000, f"the workers grew by {grown} KB for an answer of 190 MB that nobody read")

    with report.case("the application's version is the provider's choice: HTTP/1.1"):
        for _ in range(3):
            answer = guarded.curl("https://older.llm.example/v1/chat/completions", chat().encode(), "--http2")
            equal((answer.status, answer.head_lines[0].split()[0]), (200, "HTTP/1.1"), "status and version")
    with report.case("who offers HTTP/1.1 alone gets it, from a provider with both"):
        answer = guarded.curl(CHAT, chat().encode())
        equal((answer.status, answer.head_lines[0].split()[0]), (200, "HTTP/1.1"), "status and version")
    with report.case("HTTP/2 by prior knowledge on a plain endpoint"):
        mark = double.seen()
        answer = guarded.curl("http://plain.llm.example:11434/v1/chat/completions", chat().encode(), "--http2-prior-knowledge")
        equal((answer.status, double.seen() - mark), (200, 1), f"status and requests ({answer})")
        answer = guarded.curl("http://plain.llm.example:11434/v1/chat/completions", chat(samples.secret_prompt()).encode(), "--http2-prior-knowledge")
        equal((answer.status, double.seen() - mark), (400, 1), "status of a secret")

    def grpc(place):
        payload = b"\0\0\0\0\5hello"
        url = "https://grpc.llm.example/v1.Model/Generate"
        done = place.run(["curl", "-sS", "-D", "-", "--http2", "--cacert", place.ca, "-H", "content-type: application/grpc", "-H", "te: trailers", "--data-binary", "@-", url], stdin=payload)
        return done.stdout

    with report.case("gRPC: a body that no dialect reads is not evaluated, and blocked by default"):
        mark = double.seen()
        check(b" 400" in grpc(guarded).split(b"\r\n")[0], "it was not blocked")
        last = agent.records("decision")[-1]
        equal((field(last, "dec.verdict"), double.seen() - mark), ("not_evaluated", 0), "verdict, requests at the provider")
    with report.case("gRPC: passes with its trailers where policy lets the unread pass"):
        agent.policy_file.write_text(POLICY.replace("on_unreadable: block", "on_unreadable: allow").replace('version: "1"', 'version: "2"'))
        agent.reload()
        wait_until(lambda: b"grpc-status: 0" in grpc(guarded), 5, lambda: f"the answer with trailers: {grpc(guarded)!r}")
        equal(grpc(guarded), grpc(direct), "the answer by both ways")
        agent.policy_file.write_text(POLICY.replace('version: "1"', 'version: "3"'))
        agent.reload()
        wait_until(lambda: b" 400" in grpc(guarded).split(b"\r\n")[0], 5, "the strict policy is back")

    def talk(raw, seconds=2):
        return frames_of(guarded.run([SOURCE / "raw.py", "h2", "api.openai.com", "443", guarded.ca, str(seconds)], stdin=raw).stdout)

    def refused(name, raw, *, goaway=None, reset=None, status=None, reason=None, reached=0, seconds=2):
        """One conformance case: how it ends, nothing at the provider, a record, and a good call right after."""
        with report.case(f"hostile: {name}"):
            mark, before = double.seen(), len(agent.records())
            answered = talk(raw, seconds)
            codes = [frame.error_code for frame in answered if isinstance(frame, GoAwayFrame)]
            resets = [frame.error_code for frame in answered if isinstance(frame, RstStreamFrame)]
            if goaway is not None:
                check(any(code in goaway for code in codes), f"GOAWAY {codes}, RST_STREAM {resets}")
            if reset is not None:
                check(any(code in reset for code in resets + codes), f"RST_STREAM {resets}, GOAWAY {codes}")
            if status is not None:
                decoder = hpack.Decoder()
                got = [dict(decoder.decode(frame.data)).get(":status") for frame in answered if isinstance(frame, HeadersFrame)]
                check(str(status) in got, f"statuses {got}, RST_STREAM {resets}, GOAWAY {codes}")
            equal(double.seen() - mark, reached, "requests at the provider")
            wait_until(lambda: len(agent.records()) > before, 5, "a record of it")
            if reason:
                equal(field(agent.records("decision")[-1], "dec.reason"), f"unreadable:{reason}", "reason")
            equal(by_curl(guarded, chat())["status"], 200, "status of a good call right after")

    PROTOCOL, FLOW, CLOSED, SIZE, COMPRESSION, CALM = 1, 3, 5, 6, 9, 11
    end = ("END_HEADERS", "END_STREAM")
    refused("an :authority that is not the handshake's name", wire(headers(1, head(**{":authority": "api.anthropic.com"})), data(1, chat().encode())), status=400, reason="host_mismatch")
    refused("a Host beside an :authority that says otherwise", wire(headers(1, head(host="api.anthropic.com")), data(1, chat().encode())), status=400, reason="host_mismatch")
    refused("another scheme than the connection's", wire(headers(1, head(**{":scheme": "http"})), data(1, chat().encode())), status=400, reason="malformed_http")
    refused("a path with a fragment", wire(headers(1, head(**{":path": "/v1/chat/completions#x"})), data(1, chat().encode())), status=400, reason="malformed_http")
    refused("CONNECT", wire(headers(1, hpack.Encoder().encode([(":method", "CONNECT"), (":authority", "api.openai.com:443")]))), status=400, reason="upgrade")
    refused("trailers of a request", wire(headers(1), data(1, chat().encode(), ()), headers(1, hpack.Encoder().encode([("x-note", "late")]), end)), status=400, reason="malformed_http")
    refused("an upper-case name", wire(headers(1, head(**{"X-Note": "a"})), data(1, chat().encode())), reset=(PROTOCOL,), reason="malformed_http")
    refused("a connection-specific field", wire(headers(1, head(**{"transfer-encoding": "chunked"})), data(1, chat().encode())), reset=(PROTOCOL,), reason="malformed_http")
    refused("a pseudo-field after a field", wire(headers(1, hpack.Encoder().encode([(":method", "POST"), (":scheme", "https"), (":path", "/v1/chat/completions"), ("a", "b"), (":authority", "api.openai.com")]))), reset=(PROTOCOL,), reason="malformed_http")
    refused("two :path", wire(headers(1, head() + hpack.Encoder().encode([(":path", "/v1/models")])), data(1, chat().encode())), reset=(PROTOCOL,), reason="malformed_http")
    refused("no :path", wire(headers(1, head(**{":path": None})), data(1, chat().encode())), reset=(PROTOCOL,), reason="malformed_http")
    refused("a line end within a value", wire(headers(1, head(**{"x-note": "a\r\nhost: b"})), data(1, chat().encode())), reset=(PROTOCOL,), reason="malformed_http")
    refused("more body than content-length says", wire(headers(1, head(**{"content-length": "4"})), data(1, chat().encode())), reset=(PROTOCOL,), reason="malformed_http")
    refused("less body than content-length says", wire(headers(1, head(**{"content-length": "4000"})), data(1, chat().encode())), reset=(PROTOCOL,), reason="malformed_http")
    refused("a head over the limit", wire(headers(1, head(**{f"x-{n}": "y" * 4000 for n in range(3)}), ()), *(ContinuationFrame(1, hpack.Encoder().encode([(f"x-{n}-{m}", "z" * 4000) for m in range(3)], huffman=False), flags=("END_HEADERS",) if n == 6 else ()) for n in range(7)), data(1, chat().encode())), status=400, reason="malformed_http")
    bomb = hpack.Encoder().encode([("x-bomb", "b" * 3900)], huffman=False)
    refused("an HPACK bomb", wire(headers(1, head(), ()), *(ContinuationFrame(1, piece, flags=flags) for piece, flags in ((bomb, ()), (b"\xbe" * 16000, ()), (b"\xbe" * 16000, ("END_HEADERS",)))), data(1, chat().encode())), status=400, reason="malformed_http")
    refused("a flood of CONTINUATION", wire(headers(1, head(), ()), *(ContinuationFrame(1, b"\x00\x01a\x01b") for _ in range(2000))), goaway=(PROTOCOL, CALM))
    refused("rapid reset", wire(*(headers(2 * n + 1, flags=end).serialize() + RstStreamFrame(2 * n + 1, error_code=8).serialize() for n in range(1, 3000))), goaway=(PROTOCOL, CALM, 2), seconds=4)
    refused("a flood of PING", wire(*(PingFrame(0, b"12345678") for _ in range(20_000))), goaway=(CALM,))
    refused("a flood of SETTINGS", wire(*(SettingsFrame(0, settings={3: 100}) for _ in range(20_000))), goaway=(CALM,))
    refused("a flood of empty DATA", wire(headers(1), *(data(1, b"", ()) for _ in range(20_000))), goaway=(CALM,))
    refused("a flood of PRIORITY", wire(*(PriorityFrame(2 * n + 1, depends_on=0, stream_weight=1) for n in range(20_000))), goaway=(CALM,))
    refused("no SETTINGS first", PREFACE + good(1), goaway=(PROTOCOL,))
    refused("not the preface", b"GET / HTTP/1.1\r\nHost: api.openai.com\r\n\r\n", goaway=(PROTOCOL,))
    refused("a frame over the size limit", wire(b"\x01\x00\x00\x00\x00\x00\x00\x00\x01" + b"a" * 65536), goaway=(SIZE,))
    refused("broken compression", wire(headers(1, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", end)), goaway=(COMPRESSION,))
    refused("DATA on stream 0", wire(b"\x00\x00\x01\x00\x00\x00\x00\x00\x00a"), goaway=(PROTOCOL,))
    refused("HEADERS on an even stream", wire(headers(2, flags=end)), goaway=(PROTOCOL,))
    refused("a stream number that goes back is no request", wire(headers(5, flags=end), headers(3)), status=400)
    refused("a frame between HEADERS and CONTINUATION", wire(headers(1, flags=()), PingFrame(0, b"12345678")), goaway=(PROTOCOL,))
    refused("a window over 2^31 - 1", wire(WindowUpdateFrame(0, window_increment=2**31 - 1), WindowUpdateFrame(0, window_increment=2**31 - 1)), goaway=(FLOW,))
    refused("a window update of zero", wire(b"\x00\x00\x04\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00"), goaway=(PROTOCOL,))
    refused("PING of a wrong length", wire(b"\x00\x00\x07\x06\x00\x00\x00\x00\x00aaaaaaa"), goaway=(SIZE,))
    refused("DATA after the end of the stream", wire(headers(1, flags=end), data(1, b"more")), reset=(CLOSED, PROTOCOL))
    refused("a body over the cap", wire(headers(1), *(data(1, b"a" * 16000, ()) for _ in range(60)), *(data(1, b"a" * 16000, ()) for _ in range(10))), status=400, reason="body_too_large")
    with report.case("hostile: a request that never ends is recorded when its connection goes"):
        before = len(agent.records("flow"))
        talk(wire(headers(1), data(1, b'{"model":', ())), seconds=1)
        wait_until(lambda: len(agent.records("flow")) > before, 5, "a flow record")
        equal(field(agent.records("flow")[-1], "net.reason"), "request_incomplete", "reason")
    with report.case("the agent's own count of ended connections"):
        time.sleep(1.2)
        check(agent.metric("http2_refused_total", code="ENHANCE_YOUR_CALM") >= 4, "ENHANCE_YOUR_CALM is not counted")
    with report.case("the log verifies"):
        agent.verify()
