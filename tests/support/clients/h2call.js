#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// HTTP/2 from Node: h2call.js '{"by":"fetch"|"http2","url":...,"body":...,"headers":{},"times":N,"abort_after":N}' prints one line of
// JSON with what each of the N calls, all on one connection at once, was answered. `fetch` is Node's own with undici's allowH2.
'use strict';
const http2 = require('node:http2');

const asked = JSON.parse(process.argv[2]);
const url = new URL(asked.url);
const headers = { 'content-type': 'application/json', authorization: 'Bearer test', ...asked.headers };

async function byFetch(body) {
  await fetch('data:,').catch(() => {}); // the global dispatcher comes with the first use
  const Agent = globalThis[Symbol.for('undici.globalDispatcher.1')].constructor;
  const dispatcher = new Agent({ allowH2: true });
  const answer = await fetch(url, { method: 'POST', body, headers, dispatcher });
  return { status: answer.status, headers: [...answer.headers], body: await answer.text() };
}

function byHttp2(session, body) {
  return new Promise((resolve) => {
    const started = process.hrtime.bigint();
    const us = () => Number((process.hrtime.bigint() - started) / 1000n);
    const stream = session.request({ ':method': 'POST', ':path': url.pathname, ...headers });
    const result = { status: null, body: '', times_us: [] };
    stream.setEncoding('utf8');
    stream.on('response', (head) => Object.assign(result, { status: head[':status'], headers: Object.entries(head) }));
    stream.on('trailers', (trailers) => Object.assign(result, { trailers: Object.entries(trailers) }));
    stream.on('data', (part) => {
      result.body += part;
      result.times_us.push(us());
      if (asked.abort_after && result.times_us.length >= asked.abort_after) stream.close(http2.constants.NGHTTP2_CANCEL);
    });
    stream.on('error', (error) => Object.assign(result, { error: error.message }));
    stream.on('close', () => resolve({ ...result, code: stream.rstCode }));
    stream.end(body);
  });
}

async function main() {
  const bodies = Array.from({ length: asked.times ?? 1 }, (_, i) => asked.body.replace('{n}', String(i)));
  if (asked.by === 'fetch') return Promise.all(bodies.map(byFetch));
  const session = http2.connect(url.origin);
  session.on('error', () => {});
  const results = await Promise.all(bodies.map((body) => byHttp2(session, body)));
  session.close();
  return results;
}

main().then((results) => console.log(JSON.stringify(results)), (error) => {
  console.error(error);
  process.exit(1);
});
