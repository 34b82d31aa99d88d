#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The ground of all comparisons: the double is good enough for the real SDKs, equal requests get equal bytes, and what
it says it received is what was sent."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from rig import Report, Stage, check, equal  # noqa: E402

CHAT = "https://api.openai.com/v1/chat/completions"
BODY = '{"model":"gpt-5","messages":[{"role":"user","content":"gr\\u00fc\\u00df dich"}]}'

with Stage("double") as stage, Report("double") as report:
    expired = f"{stage.block}.9"
    double = stage.double({f"{expired}:443": "expired"})
    direct = stage.direct()

    for op, stream in (("chat", False), ("chat", True), ("responses", False), ("responses", True), ("embeddings", False)):
        with report.case(f"openai {op}{' streamed' if stream else ''} twice alike"):
            first, second = (direct.openai(op=op, stream=stream, prompt="Name a tide.") for _ in range(2))
            check(first["ok"], first)
            equal(first, second, "two equal calls")
            check(not stream or len(first["events"]) > 8, "a stream of several events")
    for stream in (False, True):
        with report.case(f"anthropic messages{' streamed' if stream else ''} twice alike"):
            first, second = (direct.anthropic(op="messages", stream=stream, prompt="Name a tide.") for _ in range(2))
            check(first["ok"], first)
            equal(first, second, "two equal calls")
    with report.case("curl's bytes arrive as sent, and come back gzipped when asked for"):
        mark = double.seen()
        plain = direct.curl(CHAT, BODY)
        packed = direct.curl(CHAT, BODY, "--compressed")
        equal([request.body for request in double.requests(mark)], [BODY.encode()] * 2, "bodies at the double")
        equal(packed.headers.get("content-encoding"), "gzip", "content coding")
        equal(plain.json(), packed.json(), "the two answers")
    with report.case("python's standard library"):
        answer = direct.python(CHAT, BODY)
        equal(answer["bytes"], direct.curl(CHAT, BODY).body, "the same answer as curl's")
    with report.case("an SDK repeats a fault three times and a refusal never"):
        equal(direct.openai(prompt="x", headers={"x-double-status": "500"})["attempts"], 3, "attempts on 500")
        equal(direct.openai(prompt="x", headers={"x-double-status": "400"})["attempts"], 1, "attempts on 400")
    with report.case("a cut stream is an error to the SDK"):
        cut = direct.openai(op="chat", stream=True, prompt="x", headers={"x-double-cut": "3"})
        check(not cut["ok"], cut)
    with report.case("an expired certificate is refused by curl"):
        answer = direct.curl(CHAT, BODY, "--resolve", f"api.openai.com:443:{expired}")
        equal(answer.exit, 60, "curl's exit status")
