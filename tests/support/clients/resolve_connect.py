#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""resolve_connect.py SUFFIX FIRST COUNT THREADS: for each number N resolves nN.SUFFIX and connects to port 443 of the answer
at once. Prints how many succeeded, and the first failures."""
import concurrent.futures
import json
import socket
import sys

SUFFIX, FIRST, COUNT, THREADS = sys.argv[1], *map(int, sys.argv[2:5])


def attempt(number):
    try:
        found = socket.getaddrinfo(f"n{number}.{SUFFIX}", 443, socket.AF_INET, socket.SOCK_STREAM)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as made:
            made.settimeout(30)
            made.connect(found[0][4])
        return None
    except OSError as error:
        return f"n{number}: {error}"


with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
    failures = [why for why in pool.map(attempt, range(FIRST, FIRST + COUNT)) if why]
print(json.dumps({"connected": COUNT - len(failures), "failures": failures[:5]}))
