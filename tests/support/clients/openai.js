// SPDX-License-Identifier: Apache-2.0
// Calls the OpenAI API by its npm package: openai.js '{"op":"chat|responses|embeddings","stream":bool,"prompt":"...","raw":bool,"more":{...},"headers":{...}}'
'use strict';
const { load, main, collect, raw } = require('./common');
const { OpenAI } = load('openai');

function call(client, asked) {
  const options = { headers: asked.headers ?? {} };
  const more = { ...(asked.stream ? { stream: true } : {}), ...asked.more };
  if (asked.op === 'responses') return client.responses.create({ model: 'gpt-5', input: asked.prompt, ...more }, options);
  if (asked.op === 'embeddings') return client.embeddings.create({ model: 'text-embedding-3-small', input: asked.prompt, ...more }, options);
  if (asked.op === 'models') return client.models.list(options);
  return client.chat.completions.create({ model: 'gpt-5', messages: [{ role: 'user', content: asked.prompt }], ...more }, options);
}

main(async (asked) => {
  const client = new OpenAI({ apiKey: 'sk-test-not-a-real-key' });
  if (asked.raw) return raw(call(client, asked));
  const answer = await call(client, asked);
  return asked.stream ? collect(answer) : { answer };
});
