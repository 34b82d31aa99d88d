#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 from httpx: h2call.py URL BODY_FILE CA prints one line of JSON."""
import json
import sys

import httpx

url, body, ca = sys.argv[1:]
try:
    with httpx.Client(http2=True, verify=ca) as client:
        answer = client.post(url, content=open(body, "rb").read(), headers={"content-type": "application/json", "authorization": "Bearer test"})
        result = {"status": answer.status_code, "version": answer.http_version, "body": answer.text, "headers": answer.headers.multi_items()}
except httpx.HTTPError as error:
    result = {"error": f"{type(error).__name__}: {error}"}
print(json.dumps(result))
