#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds many streams at once. argv: HOST PORT COUNT GAP_MS EVENTS; prints one line when all have begun and, at the end, a JSON
list with what became of each: status, digest of the body without its chunks, whether it ended whole, an error."""
import asyncio
import hashlib
import json
import os
import ssl
import sys

HOST, PORT, COUNT, GAP_MS, EVENTS = sys.argv[1], *map(int, sys.argv[2:6])
AT_ONCE = 20  # handshakes


async def read_chunks(reader, digest):
    while True:
        size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
        data = await reader.readexactly(size + 2)
        if size == 0:
            return
        digest.update(data[:-2])


async def stream(number, context, gate, begun):
    result = {"status": None, "whole": False, "digest": None, "error": None}
    digest = hashlib.sha256()
    try:
        async with gate:
            reader, writer = await asyncio.open_connection(HOST, PORT, ssl=context)
            body = json.dumps({"model": "gpt-5", "stream": True, "messages": [{"role": "user", "content": f"stream {number}"}]}).encode()
            head = (f"POST /v1/chat/completions HTTP/1.1\r\nhost: {HOST}\r\ncontent-type: application/json\r\n"
                    f"x-double-gap-ms: {GAP_MS}\r\nx-double-events: {EVENTS}\r\ncontent-length: {len(body)}\r\n\r\n")
            writer.write(head.encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
        result["status"] = int(answer.split()[1])
        begun.append(number)
        if len(begun) == COUNT:
            print("begun", flush=True)
        await read_chunks(reader, digest)
        result["whole"] = True
        writer.close()
    except (OSError, asyncio.IncompleteReadError, ValueError) as error:
        result["error"] = f"{type(error).__name__}: {error}"
    result["digest"] = digest.hexdigest()
    return result


async def main():
    context = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
    gate, begun = asyncio.Semaphore(AT_ONCE), []
    print(json.dumps(await asyncio.gather(*(stream(number, context, gate, begun) for number in range(COUNT)))))


asyncio.run(main())
