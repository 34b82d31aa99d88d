// SPDX-License-Identifier: Apache-2.0
// The double's OpenAI side: chat completions, responses, embeddings, models, in the shapes their public API reference gives.
'use strict';
const { words, tokens } = require('./words');
const CREATED = 1793600000;

const headers = (seed) => ({
  'x-request-id': `req_${seed.slice(0, 24)}`, 'openai-organization': 'org-double', 'openai-processing-ms': '7',
  'openai-version': '2020-10-01', 'x-ratelimit-limit-requests': '10000', 'x-ratelimit-remaining-requests': '9999',
});

function error(status, message) {
  const types = { 401: 'authentication_error', 404: 'invalid_request_error', 429: 'requests', 500: 'server_error', 503: 'server_error' };
  return { error: { message, type: types[status] ?? 'invalid_request_error', param: null, code: status === 404 ? 'not_found' : null } };
}

function usageOfChat(asked, count) {
  const prompt = tokens(asked.messages);
  return {
    prompt_tokens: prompt, completion_tokens: count, total_tokens: prompt + count,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0, accepted_prediction_tokens: 0, rejected_prediction_tokens: 0 },
  };
}

function chat(asked, seed, chosen) {
  const base = { id: `chatcmpl-${seed.slice(0, 29)}`, created: CREATED, model: `${asked.model}`, service_tier: 'default', system_fingerprint: `fp_${seed.slice(0, 10)}` };
  if (!asked.stream) {
    const message = { role: 'assistant', content: words(seed, chosen.words).join(' '), refusal: null, annotations: [] };
    return { value: { ...base, object: 'chat.completion', choices: [{ index: 0, message, logprobs: null, finish_reason: 'stop' }], usage: usageOfChat(asked, chosen.words) } };
  }
  const withUsage = asked.stream_options?.include_usage === true;
  const piece = (choices, usage) => `data: ${JSON.stringify({ ...base, object: 'chat.completion.chunk', choices, ...(withUsage ? { usage } : {}) })}\n\n`;
  const delta = (value, reason) => piece([{ index: 0, delta: value, logprobs: null, finish_reason: reason }], null);
  const events = [delta({ role: 'assistant', content: '', refusal: null }, null)];
  for (const word of words(seed, chosen.events)) events.push(delta({ content: `${word} ` }, null));
  events.push(delta({}, 'stop'));
  if (withUsage) events.push(piece([], usageOfChat(asked, chosen.events)));
  events.push('data: [DONE]\n\n');
  return { events };
}

function responses(asked, seed, chosen) {
  const text = words(seed, asked.stream ? chosen.events : chosen.words).map((word) => `${word} `);
  const input = tokens(asked.input);
  const usage = { input_tokens: input, input_tokens_details: { cached_tokens: 0 }, output_tokens: text.length, output_tokens_details: { reasoning_tokens: 0 }, total_tokens: input + text.length };
  const item = (status, content) => ({ id: `msg_${seed.slice(0, 32)}`, type: 'message', status, role: 'assistant', content });
  const part = (value) => ({ type: 'output_text', text: value, annotations: [], logprobs: [] });
  const whole = (status, output, used) => ({
    id: `resp_${seed.slice(0, 40)}`, object: 'response', created_at: CREATED, status, background: false, error: null, incomplete_details: null,
    instructions: asked.instructions ?? null, max_output_tokens: asked.max_output_tokens ?? null, model: `${asked.model}`, output,
    parallel_tool_calls: true, previous_response_id: null, reasoning: { effort: null, summary: null }, store: false, temperature: 1.0,
    text: { format: { type: 'text' } }, tool_choice: 'auto', tools: asked.tools ?? [], top_p: 1.0, truncation: 'disabled', usage: used, metadata: {},
  });
  const finished = whole('completed', [item('completed', [part(text.join(''))])], usage);
  if (!asked.stream) return { value: finished };
  let number = 0;
  const event = (type, value) => `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: number++, ...value })}\n\n`;
  const at = { item_id: `msg_${seed.slice(0, 32)}`, output_index: 0, content_index: 0 };
  const events = [
    event('response.created', { response: whole('in_progress', [], null) }),
    event('response.in_progress', { response: whole('in_progress', [], null) }),
    event('response.output_item.added', { output_index: 0, item: item('in_progress', []) }),
    event('response.content_part.added', { ...at, part: part('') }),
    ...text.map((word) => event('response.output_text.delta', { ...at, delta: word, logprobs: [] })),
    event('response.output_text.done', { ...at, text: text.join(''), logprobs: [] }),
    event('response.content_part.done', { ...at, part: part(text.join('')) }),
    event('response.output_item.done', { output_index: 0, item: item('completed', [part(text.join(''))]) }),
    event('response.completed', { response: finished }),
  ];
  return { events };
}

function embeddings(asked, seed) {
  const inputs = Array.isArray(asked.input) && typeof asked.input[0] !== 'number' ? asked.input : [asked.input];
  const vector = Float32Array.from({ length: 16 }, (_, i) => (parseInt(seed.slice(i * 2, i * 2 + 2), 16) - 128) / 256);
  const coded = asked.encoding_format === 'base64' ? Buffer.from(vector.buffer).toString('base64') : Array.from(vector);
  const used = tokens(asked.input);
  return { value: { object: 'list', data: inputs.map((_, index) => ({ object: 'embedding', index, embedding: coded })), model: `${asked.model}`, usage: { prompt_tokens: used, total_tokens: used } } };
}

const MODELS = ['gpt-5', 'gpt-5-mini', 'text-embedding-3-small'].map((id) => ({ id, object: 'model', created: CREATED, owned_by: 'openai' }));

function answer(method, path, asked, seed, chosen) {
  if (method === 'GET' && path === '/v1/models') return { value: { object: 'list', data: MODELS } };
  if (method !== 'POST') return null;
  if (path === '/v1/chat/completions') return chat(asked, seed, chosen);
  if (path === '/v1/responses') return responses(asked, seed, chosen);
  if (path === '/v1/embeddings') return embeddings(asked, seed);
  return null;
}

module.exports = { answer, error, headers };
