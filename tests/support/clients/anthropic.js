// SPDX-License-Identifier: Apache-2.0
// Calls the Anthropic API by its npm package: anthropic.js '{"op":"messages|count","stream":bool,"prompt":"...","raw":bool,"more":{...},"headers":{...}}'
'use strict';
const { load, main, collect, raw } = require('./common');
const { Anthropic } = load('@anthropic-ai/sdk');

function call(client, asked) {
  const options = { headers: asked.headers ?? {} };
  const message = { model: 'claude-sonnet-4-5', messages: [{ role: 'user', content: asked.prompt }], ...asked.more };
  if (asked.op === 'count') return client.messages.countTokens(message, options);
  return client.messages.create({ max_tokens: 64, ...message, ...(asked.stream ? { stream: true } : {}) }, options);
}

main(async (asked) => {
  const client = new Anthropic({ apiKey: 'test-not-a-real-key' });
  if (asked.raw) return raw(call(client, asked));
  const answer = await call(client, asked);
  return asked.stream ? collect(answer) : { answer };
});
