#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Unmodified clients through the agent: what is allowed is byte for byte what a direct call gives, what is blocked is
the SDK's own error, once, and what is redacted differs in the token alone."""
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from rig import Report, Stage, check, equal, samples  # noqa: E402
from rig.agent import field  # noqa: E402

CHAT, MESSAGES = "https://api.openai.com/v1/chat/completions", "https://api.anthropic.com/v1/messages"
SDKS = [("openai", dict(op="chat")), ("openai", dict(op="chat", stream=True)), ("openai", dict(op="responses")),
        ("openai", dict(op="responses", stream=True)), ("openai", dict(op="embeddings")), ("anthropic", dict(op="messages")),
        ("anthropic", dict(op="messages", stream=True))]
TOKEN = re.compile(rb"\[PII:US_SSN#[0-9a-z]+\]")


def name_of(sdk, asked):
    return f"{sdk} {asked['op']}{' streamed' if asked.get('stream') else ''}"


def chat_body(prompt, **more):
    return json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": prompt}], **more}).encode()


def message_body(prompt, **more):
    return json.dumps({"model": "claude-sonnet-4-5", "max_tokens": 64, "messages": [{"role": "user", "content": prompt}], **more}).encode()


def only(requests, what):
    check(len(requests) == 1, f"{what}: {len(requests)} requests reached the double")
    return requests[0]


def pair(double, direct, guarded, call):
    """The same call by both ways -> (result, request as received) each."""
    out = []
    for place in (direct, guarded):
        mark = double.seen()
        result = call(place)
        out.append((result, double.requests(mark)))
    return out


def check_allowed(double, direct, guarded, call):
    (wanted, plain), (got, through) = pair(double, direct, guarded, call)
    plain, through = only(plain, "direct"), only(through, "guarded")
    equal(got, wanted, "what the client got")
    equal(through.body, plain.body, "body at the provider")
    equal(through.headers, plain.headers, "headers at the provider, in order")
    equal((through.method, through.url), (plain.method, plain.url), "request line at the provider")


def check_redacted(double, direct, guarded, call, secret):
    (_, plain), (_, through) = pair(double, direct, guarded, call)
    plain, through = only(plain, "direct"), only(through, "guarded")
    check(secret.encode() not in through.body, "the value itself reached the provider")
    before, _, after = plain.body.partition(secret.encode())
    check(through.body.startswith(before) and through.body.endswith(after), f"bytes beside the value changed: {through.body!r}")
    token = through.body[len(before):len(through.body) - len(after)]
    check(TOKEN.fullmatch(token), f"the token is {token!r}")
    unframed = [[pair for pair in request.headers if pair[0].lower() != "content-length"] for request in (through, plain)]
    equal(unframed[0], unframed[1], "headers at the provider but content-length")
    return token


def check_record(agent, req, rule):
    record = agent.decision_of(req)
    equal((field(record, "dec.verdict"), field(record, "dec.action")), ("block", "block"), "the record's decision")
    check(rule in field(record, "pol.rules"), f"the record's rules are {field(record, 'pol.rules')}")


def check_blocked_sdk(agent, result):
    check(not result["ok"], f"the call succeeded: {result}")
    error = result["error"]
    equal((error["class"], error["status"], result["attempts"]), ("BadRequestError", 400, 1), "error, status, attempts")
    check("no-secrets" in error["message"], f"the rule is not named: {error['message']}")
    req = error["request_header"]
    check(req and req in error["message"], f"the record's req {req} is not in: {error['message']}")
    check_record(agent, req, "no-secrets")


with Stage("clients") as stage, Report("clients") as report:
    double = stage.double()
    agent = stage.agent(samples.POLICY)
    with report.case("the agent starts", fatal=True):
        agent.start()
    direct, guarded = stage.direct(), stage.guard(agent)

    for sdk, asked in SDKS:
        call = lambda prompt, **more: lambda place: getattr(place, sdk)(prompt=prompt, **asked, **more)  # noqa: E731
        with report.case(f"{name_of(sdk, asked)}: allowed"):
            check_allowed(double, direct, guarded, call(samples.HARMLESS))
            check(call(samples.HARMLESS)(guarded)["ok"], "the call failed by both ways")
        with report.case(f"{name_of(sdk, asked)}: allowed, raw bytes"):
            check_allowed(double, direct, guarded, call(samples.HARMLESS, raw=True))
        with report.case(f"{name_of(sdk, asked)}: blocked"):
            mark = double.seen()
            result = call(samples.secret_prompt())(guarded)
            check(not double.requests(mark), "the request reached the provider")
            check_blocked_sdk(agent, result)
        with report.case(f"{name_of(sdk, asked)}: redacted"):
            check_redacted(double, direct, guarded, call(samples.ssn_prompt()), samples.ssn())

    for name, url, body in (("openai", CHAT, chat_body), ("anthropic", MESSAGES, message_body)):
        for stream in (False, True):
            with report.case(f"curl {name}{' streamed' if stream else ''}: allowed"):
                def call(place):
                    answer = place.curl(url, body(samples.HARMLESS, stream=stream), "-N")
                    equal(answer.status, 200, f"status ({answer})")
                    return answer.head_lines, answer.body
                check_allowed(double, direct, guarded, call)
        with report.case(f"curl {name}: compressed answer"):
            check_allowed(double, direct, guarded, lambda place: place.curl(url, body("zip"), "-H", "accept-encoding: gzip").body)
        with report.case(f"curl {name}: expects 100-continue"):
            check_allowed(double, direct, guarded, lambda place: place.curl(url, body("x" * 3000), "-H", "expect: 100-continue").body)
        with report.case(f"curl {name}: chunked request"):
            check_allowed(double, direct, guarded, lambda place: place.curl(url, body("y" * 3000), "-H", "transfer-encoding: chunked").body)
        with report.case(f"curl {name}: blocked in the provider's shape"):
            mark = double.seen()
            answer = guarded.curl(url, body(samples.secret_prompt()))
            equal(answer.status, 400, f"status ({answer})")
            shape = answer.json()
            if name == "openai":
                equal(sorted(shape["error"]), ["code", "message", "param", "type"], "members of the error")
                equal(shape["error"]["code"], "policy_violation", "code")
            else:
                equal((shape["type"], sorted(shape["error"])), ("error", ["message", "type"]), "shape")
            check(answer.req and answer.req in shape["error"]["message"], f"req {answer.req} is not in the message")
            check("no-secrets" in shape["error"]["message"], "the rule is not named")
            check(not double.requests(mark), "the request reached the provider")
            check_record(agent, answer.req, "no-secrets")
        with report.case(f"curl {name}: redacted, and the same value gives the same token"):
            first, second = (check_redacted(double, direct, guarded, lambda place: place.curl(url, body(f"{lead} {samples.ssn_prompt()}")), samples.ssn())
                             for lead in ("One.", "Two."))
            equal(first, second, "the two tokens")
        with report.case(f"python {name}: allowed"):
            check_allowed(double, direct, guarded, lambda place: place.python(url, body(samples.HARMLESS)))
        with report.case(f"python {name}: blocked"):
            result = guarded.python(url, body(samples.secret_prompt()))
            equal((result["ok"], result["status"]), (False, 400), "HTTPError 400")
            check_record(agent, {k.lower(): v for k, v in result["headers"].items()}["x-egresswarden-request"], "no-secrets")
        with report.case(f"python {name}: redacted"):
            check_redacted(double, direct, guarded, lambda place: place.python(url, body(samples.ssn_prompt())), samples.ssn())

    with report.case("a secret anywhere is found: tool definition, tool result, path, header"):
        secret = samples.github_token(7)
        tool = {"type": "function", "function": {"name": "deploy", "description": f"uses {secret}", "parameters": {}}}
        forms = [guarded.curl(CHAT, chat_body("hello", tools=[tool])),
                 guarded.curl(CHAT, json.dumps({"model": "gpt-5", "messages": [{"role": "tool", "tool_call_id": "1", "content": secret}]})),
                 guarded.curl(f"{CHAT}?note={secret}", chat_body("hello")),
                 guarded.curl(CHAT, chat_body("hello"), "-H", f"x-note: {secret}"),
                 guarded.curl(CHAT, chat_body("hello", **{secret: 1}))]
        equal([answer.status for answer in forms], [400] * 5, "statuses")
    with report.case("decision and outcome for each request that reached the double"):
        reached = len(double.requests()) // 1
        kinds = [record["kind"] for record in agent.records()]
        check(kinds.count("decision") >= kinds.count("outcome") > 0, f"{kinds.count('decision')} decisions, {kinds.count('outcome')} outcomes")
        check(reached > 0, "nothing reached the double")
    with report.case("the log verifies"):
        agent.verify()
