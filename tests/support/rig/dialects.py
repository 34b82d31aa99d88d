# SPDX-License-Identifier: Apache-2.0
"""The sample requests of every dialect (tests/golden/dialects/requests.json) as clients send them, with texts put where the
markers stand."""
import json
import pathlib

FILE = pathlib.Path(__file__).resolve().parents[2] / "golden/dialects/requests.json"
SIGV4 = "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20261126/us-west-2/bedrock/aws4_request, SignedHeaders=host;x-amz-date, Signature=" + "0" * 64
FORM = "multipart/form-data; boundary=samples"


def load():
    data = json.loads(FILE.read_text())
    return data["positions"], data["dialects"]


class Call:
    """One request of a row. `texts`: {position: text}; every other marker becomes a harmless text."""

    def __init__(self, row, sample):
        self.row, self.sample = row, sample
        self.marked = json.dumps(sample)

    def holds(self, position):
        return f"@{position}@" in self.marked

    @property
    def streams(self):
        return self.sample.get("stream") in ("member", "path", "accept")

    def path(self, stream):
        return self.sample["stream_path"] if stream and "stream_path" in self.sample else self.sample["path"]

    def headers(self, stream):
        row = self.row
        headers = {"content-type": FORM if "form" in self.sample else "application/json"}
        if row.get("signed"):
            headers |= {"authorization": SIGV4, "x-amz-date": "20261126T000000Z"}
        elif row["credential"] == "authorization":
            headers["authorization"] = "Bearer test"
        else:
            headers[row["credential"]] = "test"
        if self.sample.get("stream") == "accept":
            headers["accept"] = "text/event-stream" if stream else "application/json"
        return headers

    def body(self, stream, texts):
        if "form" in self.sample:
            return form(self.sample["form"], texts)
        value = self.sample["body"]
        if self.sample.get("stream") == "member":
            value = {**value, "stream": stream}
        return fill(json.dumps(value, ensure_ascii=False), texts).encode()


def fill(text, texts):
    for position in load()[0]:
        text = text.replace(f"@{position}@", texts.get(position, "a quiet tide"))
    return text


def form(parts, texts):
    out = ""
    for part in parts:
        out += f'--samples\r\nContent-Disposition: form-data; name="{part["name"]}"'
        if "filename" in part:
            out += f'; filename="{part["filename"]}"\r\nContent-Type: {part["type"]}'
        content = "".join(json.dumps(line) + "\n" for line in part["lines"]) if "lines" in part else part["content"]
        out += f"\r\n\r\n{content}\r\n"
    return fill(out + "--samples--\r\n", texts).encode()
