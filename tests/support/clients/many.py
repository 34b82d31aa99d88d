#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sends many requests: one JSON object a line on stdin, {"host","port","tls","path","headers","body"} with the body in
base64; one a line on stdout, {"status","headers","body"}, or {"error"} where there was no answer. Connections are kept."""
import base64
import http.client
import json
import ssl
import sys

context = ssl.create_default_context()  # SSL_CERT_FILE
kept = {}


def connection(asked):
    key = (asked["host"], asked["port"])
    if key not in kept:
        make = http.client.HTTPSConnection if asked["tls"] else http.client.HTTPConnection
        more = {"context": context} if asked["tls"] else {}
        kept[key] = make(*key, timeout=20, **more)
    return kept[key]


for line in sys.stdin:
    asked = json.loads(line)
    try:
        leg = connection(asked)
        leg.request("POST", asked["path"], base64.b64decode(asked["body"]), asked["headers"])
        answer = leg.getresponse()
        body = answer.read()
        said = {"status": answer.status, "headers": {name.lower(): value for name, value in answer.getheaders()},
                "body": base64.b64encode(body).decode()}
        if answer.will_close:
            leg.close()
    except (OSError, http.client.HTTPException) as error:
        said = {"error": f"{type(error).__name__}: {error}"}
        kept.pop((asked["host"], asked["port"]), None)
    print(json.dumps(said), flush=True)
