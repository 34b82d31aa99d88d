# SPDX-License-Identifier: Apache-2.0
"""Real clients in the guarded cgroup or outside it, and what they said."""
import base64
import json
import pathlib

from .process import run

SOURCE = pathlib.Path(__file__).resolve().parent.parent / "clients"


class Place:
    """Where a client runs and what it trusts: `stage.guard(agent)` or `stage.direct()`."""

    def __init__(self, stage, cgroup, ca, uid=None):
        self.stage, self.cgroup, self.ca, self.uid = stage, cgroup, ca, uid

    def as_user(self, name):
        return Place(self.stage, self.cgroup, self.ca, self.stage.users[name])

    def inside(self, name):
        return Place(self.stage, self.cgroup.child(name), self.ca, self.uid)

    def run(self, argv, env=None, **more):
        return run(argv, cgroup=self.cgroup, uid=self.uid, env=env, **more)

    def node(self, script, asked, timeout_s=60):
        done = self.run([self.stage.node, SOURCE / script, json.dumps(asked)], env={"NODE_EXTRA_CA_CERTS": self.ca}, timeout_s=timeout_s)
        try:
            return json.loads(done.stdout)
        except json.JSONDecodeError:
            raise AssertionError(f"{script} ended with {done.returncode}: {done.stderr.decode(errors='replace')[-600:]}") from None

    def openai(self, **asked):
        return self.node("openai.js", asked)

    def anthropic(self, **asked):
        return self.node("anthropic.js", asked)

    def python(self, url, body, headers=(), interpreter="/usr/bin/python3"):
        file = self.stage.folder / f"body-{self.stage.number()}"
        file.write_bytes(body if isinstance(body, bytes) else body.encode())
        file.chmod(0o644)
        done = self.run([interpreter, SOURCE / "call.py", url, file, *headers], env={"SSL_CERT_FILE": self.ca})
        try:
            result = json.loads(done.stdout)
        except json.JSONDecodeError:
            raise AssertionError(f"call.py ended with {done.returncode}: {done.stderr.decode(errors='replace')[-600:]}") from None
        result["bytes"] = base64.b64decode(result.get("bytes", ""))
        return result

    def curl(self, url, body=None, *words, timeout_s=30, program="curl"):
        """-> Answer. The body goes by stdin, so that it is not in argv."""
        argv = [program, "-sS", "-i", "--http1.1", "--max-time", timeout_s, "--cacert", self.ca, url]
        if body is not None:
            argv += ["-H", "content-type: application/json", "-H", "authorization: Bearer test", "--data-binary", "@-"]
        done = self.run([*argv, *words], stdin=body or b"", timeout_s=timeout_s + 10)
        return Answer(done)


class Answer:
    """What curl -i printed, taken apart; status None when there was no answer."""

    def __init__(self, done):
        self.exit, self.stderr = done.returncode, done.stderr.decode(errors="replace").strip()
        self.status, self.headers, self.body = None, {}, done.stdout
        while self.body.startswith(b"HTTP/"):
            head, _, self.body = self.body.partition(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            self.status = int(lines[0].split()[1])
            self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            self.head_lines = lines
            if self.status >= 200:
                break

    @property
    def req(self):
        return self.headers.get("x-egresswarden-request")

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<status {self.status}, curl exit {self.exit}, {self.body[:200]!r}, {self.stderr}>"
