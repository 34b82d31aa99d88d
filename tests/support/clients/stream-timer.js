// SPDX-License-Identifier: Apache-2.0
// Times streams on one warm connection: for each line on stdin makes one streamed call and prints {first_us, whole_us, events}.
// Two of these, one guarded and one not, are driven in turns by the latency test.
'use strict';
const https = require('node:https');
const readline = require('node:readline');

const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });

function once(line) {
  const asked = JSON.parse(line);
  const body = Buffer.from(JSON.stringify({ model: 'gpt-5', stream: true, messages: [{ role: 'user', content: asked.prompt }] }));
  return new Promise((resolve) => {
    const started = process.hrtime.bigint();
    const since = () => Number((process.hrtime.bigint() - started) / 1000n);
    let first = null;
    let text = '';
    const headers = { 'content-type': 'application/json', 'content-length': body.length, authorization: 'Bearer test', ...asked.headers };
    const request = https.request({ host: 'api.openai.com', path: '/v1/chat/completions', method: 'POST', agent, headers }, (response) => {
      response.on('data', (part) => {
        if (first === null) first = since();
        text += part;
      });
      response.on('end', () => resolve({ status: response.statusCode, first_us: first, whole_us: since(), events: text.split('\n\n').length - 1 }));
    });
    request.on('error', (error) => resolve({ status: null, error: error.message }));
    request.end(body);
  });
}

const lines = readline.createInterface({ input: process.stdin });
let turn = Promise.resolve();
lines.on('line', (line) => { turn = turn.then(() => once(line)).then((result) => console.log(JSON.stringify(result))); });
lines.on('close', () => turn.then(() => process.exit(0)));
