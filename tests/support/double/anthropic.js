// SPDX-License-Identifier: Apache-2.0
// The double's Anthropic side: messages and count_tokens, in the shapes their public API reference gives.
'use strict';
const { words, tokens } = require('./words');

const headers = (seed) => ({
  'request-id': `req_${seed.slice(0, 24)}`, 'anthropic-organization-id': '00000000-0000-4000-8000-000000000000',
  'anthropic-ratelimit-requests-limit': '4000', 'anthropic-ratelimit-requests-remaining': '3999',
});

const TYPES = { 400: 'invalid_request_error', 401: 'authentication_error', 404: 'not_found_error', 413: 'request_too_large', 429: 'rate_limit_error', 529: 'overloaded_error' };
const error = (status, message) => ({ type: 'error', error: { type: TYPES[status] ?? 'api_error', message }, request_id: 'req_double' });

function messages(asked, seed, chosen) {
  const input = tokens([asked.system, asked.messages]);
  const count = asked.stream ? chosen.events : chosen.words;
  const text = words(seed, count).map((word) => `${word} `);
  const usage = (output) => ({ input_tokens: input, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: output, service_tier: 'standard' });
  const message = (content, reason, used) => ({ id: `msg_${seed.slice(0, 24)}`, type: 'message', role: 'assistant', model: `${asked.model}`, content, stop_reason: reason, stop_sequence: null, usage: used });
  if (!asked.stream) return { value: message([{ type: 'text', text: text.join('').trim() }], 'end_turn', usage(count)) };
  const event = (type, value) => `event: ${type}\ndata: ${JSON.stringify({ type, ...value })}\n\n`;
  return {
    events: [
      event('message_start', { message: message([], null, usage(1)) }),
      event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
      event('ping', {}),
      ...text.map((word) => event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: word } })),
      event('content_block_stop', { index: 0 }),
      event('message_delta', { delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: count } }),
      event('message_stop', {}),
    ],
  };
}

function answer(method, path, asked, seed, chosen) {
  if (method !== 'POST') return null;
  if (path === '/v1/messages') return messages(asked, seed, chosen);
  if (path === '/v1/messages/count_tokens') return { value: { input_tokens: tokens([asked.system, asked.messages]) } };
  return null;
}

module.exports = { answer, error, headers };
