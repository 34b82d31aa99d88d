#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A program on Python's standard library alone: call.py URL BODY_FILE [HEADER=VALUE...] prints one line of JSON."""
import base64
import json
import sys
import urllib.error
import urllib.request

url, body, *headers = sys.argv[1:]
request = urllib.request.Request(url, data=open(body, "rb").read(), headers={"content-type": "application/json", "authorization": "Bearer test"})
for header in headers:
    name, _, value = header.partition("=")
    request.add_header(name, value)
try:
    with urllib.request.urlopen(request, timeout=30) as answer:
        result = {"ok": True, "status": answer.status, "headers": dict(answer.headers), "bytes": base64.b64encode(answer.read()).decode()}
except urllib.error.HTTPError as error:
    result = {"ok": False, "status": error.code, "headers": dict(error.headers), "bytes": base64.b64encode(error.read()).decode()}
except (urllib.error.URLError, OSError) as error:
    result = {"ok": False, "status": None, "why": str(error)}
print(json.dumps(result))
