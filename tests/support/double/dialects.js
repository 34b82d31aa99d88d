// SPDX-License-Identifier: Apache-2.0
// The double's other sides: Gemini and Vertex, Bedrock, Cohere, Mistral, Ollama, Hugging Face, Replicate, watsonx, MCP, uploads,
// and OpenAI's and Anthropic's shapes under other prefixes; in the shapes that their public references give.
'use strict';
const zlib = require('node:zlib');
const openai = require('./openai');
const anthropic = require('./anthropic');
const { words, tokens } = require('./words');

const sse = (value, name) => `${name ? `event: ${name}\n` : ''}data: ${JSON.stringify(value)}\n\n`;
const texts = (seed, chosen, stream) => words(seed, stream ? chosen.events : chosen.words).map((word) => `${word} `);
const none = () => ({});

// --- Gemini and Vertex ---
function gemini(path, asked, seed, chosen, query) {
  const method = path.slice(path.lastIndexOf(':') + 1);
  const model = path.slice(path.lastIndexOf('/') + 1, path.lastIndexOf(':'));
  if (method === 'rawPredict' || method === 'streamRawPredict')
    return anthropic.answer('POST', '/v1/messages', { ...asked, model, stream: method === 'streamRawPredict' }, seed, chosen);
  const input = tokens(asked.contents ?? asked);
  if (method === 'countTokens') return { value: { totalTokens: input } };
  if (method === 'embedContent') return { value: { embedding: { values: [0.1, 0.2] } } };
  if (method === 'predict') return { value: { predictions: [{ embeddings: { values: [0.1], statistics: { token_count: input } } }] } };
  if (method === 'batchGenerateContent') return { value: { name: 'batches/b', metadata: {} } };
  const stream = method === 'streamGenerateContent';
  const said = texts(seed, chosen, stream);
  const chunk = (text, count, reason) => ({
    candidates: [{ content: { parts: [{ text }], role: 'model' }, index: 0, ...(reason ? { finishReason: reason } : {}) }],
    usageMetadata: { promptTokenCount: input, candidatesTokenCount: count, totalTokenCount: input + count }, modelVersion: `${model}-001`, responseId: seed.slice(0, 22),
  });
  if (!stream) return { value: chunk(said.join(''), said.length, 'STOP') };
  const chunks = said.map((text, i) => chunk(text, i + 1, i + 1 === said.length ? 'STOP' : undefined));
  if (/\balt=sse\b/.test(query)) return { events: chunks.map((value) => sse(value).replaceAll('\n', '\r\n')) };
  return { type: 'application/json; charset=UTF-8', events: chunks.map((value, i) => `${i ? ',\r\n' : '['}${JSON.stringify(value)}${i + 1 === chunks.length ? ']' : ''}`) };
}
const geminiError = (status, message) => ({ error: { code: status, message, status: status === 404 ? 'NOT_FOUND' : 'INVALID_ARGUMENT' } });

// --- Bedrock ---
const CRC = Array.from({ length: 256 }, (_, n) => { let c = n; for (let k = 0; k < 8; k += 1) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1; return c >>> 0; });
const crc32 = zlib.crc32 ?? ((bytes) => { let c = 0xffffffff; for (const byte of bytes) c = CRC[(c ^ byte) & 255] ^ (c >>> 8); return (c ^ 0xffffffff) >>> 0; });

function frame(type, value) {
  const header = (name, text) => Buffer.concat([Buffer.from([name.length]), Buffer.from(name), Buffer.from([7, text.length >> 8, text.length & 255]), Buffer.from(text)]);
  const headers = Buffer.concat([header(':event-type', type), header(':content-type', 'application/json'), header(':message-type', 'event')]);
  const payload = Buffer.from(JSON.stringify(value));
  const out = Buffer.alloc(16 + headers.length + payload.length);
  out.writeUInt32BE(out.length, 0);
  out.writeUInt32BE(headers.length, 4);
  out.writeUInt32BE(crc32(out.subarray(0, 8)), 8);
  headers.copy(out, 12);
  payload.copy(out, 12 + headers.length);
  out.writeUInt32BE(crc32(out.subarray(0, out.length - 4)), out.length - 4);
  return out;
}

function bedrock(path, asked, seed, chosen) {
  const call = path.slice(path.lastIndexOf('/') + 1);
  const input = tokens(asked.messages ?? asked);
  const stream = call.endsWith('stream');
  const said = texts(seed, chosen, stream);
  const usage = { inputTokens: input, outputTokens: said.length, totalTokens: input + said.length };
  const type = 'application/vnd.amazon.eventstream';
  if (call === 'converse') return { value: { output: { message: { role: 'assistant', content: [{ text: said.join('') }] } }, stopReason: 'end_turn', usage, metrics: { latencyMs: 7 } } };
  if (call === 'converse-stream') {
    return { type, events: [frame('messageStart', { role: 'assistant' }), ...said.map((text) => frame('contentBlockDelta', { contentBlockIndex: 0, delta: { text } })),
      frame('contentBlockStop', { contentBlockIndex: 0 }), frame('messageStop', { stopReason: 'end_turn' }), frame('metadata', { usage, metrics: { latencyMs: 7 } })] };
  }
  if (asked.inputText !== undefined) return { value: { embedding: [0.1, 0.2], inputTextTokenCount: input } };
  const made = anthropic.answer('POST', '/v1/messages', { ...asked, model: 'claude-on-bedrock', stream }, seed, chosen);
  if (!stream) return made;
  const inner = made.events.map((event) => JSON.parse(event.slice(event.indexOf('data: ') + 6)));
  inner[inner.length - 1]['amazon-bedrock-invocationMetrics'] = { inputTokenCount: input, outputTokenCount: said.length, invocationLatency: 7, firstByteLatency: 3 };
  return { type, events: inner.map((value) => frame('chunk', { bytes: Buffer.from(JSON.stringify(value)).toString('base64') })) };
}

// --- Cohere ---
function cohere(path, asked, seed, chosen) {
  const input = tokens(asked);
  if (/\/embed$/.test(path)) return { value: { id: seed.slice(0, 8), embeddings: { float: [[0.1]] }, meta: { billed_units: { input_tokens: input } } } };
  if (/\/rerank$/.test(path)) return { value: { id: seed.slice(0, 8), results: [{ index: 0, relevance_score: 0.5 }], meta: { billed_units: { search_units: 1 } } } };
  const said = texts(seed, chosen, asked.stream);
  const counts = { billed_units: { input_tokens: input, output_tokens: said.length }, tokens: { input_tokens: input, output_tokens: said.length } };
  if (path.startsWith('/v1/')) {
    const whole = { generation_id: seed.slice(0, 12), text: said.join(''), finish_reason: 'COMPLETE', meta: counts };
    if (!asked.stream) return { value: whole };
    const lines = [...said.map((text) => ({ event_type: 'text-generation', text })), { event_type: 'stream-end', finish_reason: 'COMPLETE', response: whole }];
    return { type: 'application/stream+json', events: lines.map((line) => `${JSON.stringify(line)}\n`) };
  }
  if (!asked.stream) return { value: { id: seed.slice(0, 12), finish_reason: 'COMPLETE', message: { role: 'assistant', content: [{ type: 'text', text: said.join('') }] }, usage: counts } };
  return { events: [sse({ id: seed.slice(0, 12), type: 'message-start', delta: { message: { role: 'assistant' } } }, 'message-start'),
    ...said.map((text) => sse({ type: 'content-delta', index: 0, delta: { message: { content: { text } } } }, 'content-delta')),
    sse({ type: 'message-end', delta: { finish_reason: 'COMPLETE', usage: counts } }, 'message-end')] };
}

// --- Mistral's own ---
function mistral(path, asked, seed, chosen) {
  if (/\/ocr$/.test(path)) return { value: { pages: [], model: asked.model, usage_info: { pages_processed: 1 } } };
  const said = texts(seed, chosen, asked.stream);
  const usage = { prompt_tokens: tokens(asked.inputs), completion_tokens: said.length, total_tokens: 0 };
  if (!asked.stream) return { value: { object: 'conversation.response', conversation_id: 'conv_1', outputs: [{ type: 'message.output', role: 'assistant', model: asked.model, content: said.join('') }], usage } };
  return { events: [sse({ type: 'conversation.response.started', conversation_id: 'conv_1' }, 'conversation.response.started'),
    ...said.map((content) => sse({ type: 'message.output.delta', content }, 'message.output.delta')),
    sse({ type: 'conversation.response.done', usage }, 'conversation.response.done')] };
}

// --- Ollama ---
function ollama(path, asked, seed, chosen) {
  const input = tokens(asked.messages ?? asked.prompt ?? asked.input);
  if (/\/embed$/.test(path)) return { value: { model: asked.model, embeddings: [[0.1]], prompt_eval_count: input } };
  const stream = asked.stream !== false;
  const said = texts(seed, chosen, stream);
  const part = (text) => (path.endsWith('/chat') ? { message: { role: 'assistant', content: text } } : { response: text });
  const base = { model: asked.model, created_at: '2026-11-02T09:00:00Z' };
  const last = { done: true, done_reason: 'stop', total_duration: 7, prompt_eval_count: input, eval_count: said.length };
  if (!stream) return { value: { ...base, ...part(said.join('')), ...last } };
  return { type: 'application/x-ndjson', events: [...said.map((text) => ({ ...base, ...part(text), done: false })), { ...base, ...part(''), ...last }].map((line) => `${JSON.stringify(line)}\n`) };
}

// --- Hugging Face: TGI, TEI, tasks ---
function huggingface(path, asked, seed, chosen) {
  if (/\/embed$|feature-extraction$/.test(path)) return { value: [[0.1, 0.2]] };
  const stream = path.endsWith('/generate_stream');
  const said = texts(seed, chosen, stream);
  const details = { finish_reason: 'length', generated_tokens: said.length, input_length: tokens(asked.inputs), seed: null };
  if (!stream) return { value: path.endsWith('/generate') ? { generated_text: said.join(''), details } : [{ generated_text: said.join('') }] };
  return { events: said.map((text, i) => {
    const end = i + 1 === said.length;
    return `data:${JSON.stringify({ index: i + 1, token: { id: i, text, logprob: -0.1, special: false }, generated_text: end ? said.join('') : null, details: end ? details : null })}\n\n`;
  }) };
}

// --- Replicate ---
const replicate = (path, asked, seed) => ({ status: 201, value: {
  id: seed.slice(0, 26), model: 'maker/model-x', version: seed.slice(0, 40), input: asked.input, output: ['a ', 'tide'], error: null, status: 'succeeded',
  metrics: { predict_time: 0.1, input_token_count: tokens(asked.input), output_token_count: 2 }, urls: { stream: 'https://stream.replicate.com/v1/files/x' } } });

// --- watsonx ---
function watsonx(path, asked, seed, chosen) {
  const input = tokens(asked.messages ?? asked.input ?? asked.inputs);
  if (/embeddings/.test(path)) return { value: { model_id: asked.model_id, results: [{ embedding: [0.1] }], input_token_count: input } };
  const stream = path.endsWith('_stream');
  const said = texts(seed, chosen, stream);
  const base = { model_id: asked.model_id, created_at: '2026-11-02T09:00:00Z' };
  if (/generation/.test(path)) {
    const result = (text, count, reason) => ({ ...base, results: [{ generated_text: text, generated_token_count: count, input_token_count: count === 1 || !stream ? input : 0, stop_reason: reason }] });
    if (!stream) return { value: result(said.join(''), said.length, 'eos_token') };
    return { events: said.map((text, i) => `id: ${i + 1}\nevent: message\ndata: ${JSON.stringify({ ...result(text, i + 1, i + 1 === said.length ? 'eos_token' : 'not_finished') })}\n\n`) };
  }
  const usage = { prompt_tokens: input, completion_tokens: said.length, total_tokens: input + said.length };
  if (!stream) return { value: { ...base, choices: [{ index: 0, message: { role: 'assistant', content: said.join('') }, finish_reason: 'stop' }], usage } };
  return { events: [...said.map((content, i) => sse({ ...base, choices: [{ index: 0, delta: { content }, finish_reason: i + 1 === said.length ? 'stop' : null }] }, 'message')), sse({ ...base, choices: [], usage }, 'message')] };
}

// --- MCP ---
function mcp(path, asked, seed, chosen, query, request) {
  const answerTo = (message) => ({ jsonrpc: '2.0', id: message.id, result: { content: [{ type: 'text', text: words(seed, 5).join(' ') }], isError: false } });
  if (!Array.isArray(asked) && asked.method === undefined) return { status: 202, value: null };
  const value = Array.isArray(asked) ? asked.map(answerTo) : answerTo(asked);
  return request.headers.accept === 'text/event-stream' ? { events: [sse(value, 'message')] } : { value };
}

// --- uploads, resources and what needs no answer of its own ---
const upload = (path, asked, seed) => ({ value: /transcriptions/.test(path) ? { text: 'a tide', usage: { type: 'tokens', input_tokens: 3, output_tokens: 2 } }
  : { id: `file-${seed.slice(0, 24)}`, object: 'file', bytes: 1, created_at: 1793600000, filename: 'a', purpose: 'batch', status: 'processed' } });
const resource = (path, asked, seed) => ({ value: { id: `obj_${seed.slice(0, 24)}`, object: 'thing', results: [], data: [], model: asked.model } });

const under = (side, own) => (path, asked, seed, chosen) => side.answer('POST', own, asked, seed, chosen);
const chatOf = (path, asked, seed, chosen) => {
  if (asked.messages) return openai.answer('POST', '/v1/chat/completions', { model: path.split('/').at(-2), ...asked }, seed, chosen);
  return asked.input ? openai.answer('POST', '/v1/embeddings', { model: 'm', ...asked }, seed, chosen) : { value: { predictions: ['a tide'] } };
};
// Text completions and other makers' tasks that answer in the shape of a chat.
const asChat = (path, asked, seed, chosen) => openai.answer('POST', '/v1/chat/completions', { messages: [asked.prompt ?? asked.messages], ...asked }, seed, chosen);
const openaiSide = { error: openai.error, headers: openai.headers };
const anthropicSide = { error: anthropic.error, headers: anthropic.headers };

const SIDES = [
  [/^\/model\/[^/]+\/(converse|converse-stream|invoke|invoke-with-response-stream)$/, bedrock, { error: (status, message) => ({ message }), headers: (seed) => ({ 'x-amzn-requestid': seed.slice(0, 36) }) }],
  [/:(generateContent|streamGenerateContent|countTokens|embedContent|batchGenerateContent|predict|rawPredict|streamRawPredict)$/, gemini, { error: geminiError, headers: none }],
  [/^\/ml\/v1\/text\//, watsonx, { error: (status, message) => ({ errors: [{ code: 'invalid', message }], trace: 't', status_code: status }), headers: none }],
  [/^\/api\/(chat|generate|embed)$/, ollama, { error: (status, message) => ({ error: message }), headers: none }],
  [/\/generate(_stream)?$|^\/embed$|\/hf-inference\/models\//, huggingface, { error: (status, message) => ({ error: message, error_type: 'validation' }), headers: none }],
  [/\/predictions$/, replicate, { error: (status, detail) => ({ title: 'error', detail, status }), headers: none }],
  [/^\/mcp$/, mcp, { error: (status, message) => ({ jsonrpc: '2.0', id: null, error: { code: -32600, message } }), headers: none }],
  [/^\/v[12]\/(chat|embed|rerank)$/, cohere, { error: (status, message) => ({ message }), headers: none }],
  [/\/invocations$/, chatOf, { error: (status, message) => ({ error_code: 'BAD_REQUEST', message }), headers: none }],
  [/\/v1\/(conversations|ocr)$/, mistral, { error: (status, message) => ({ object: 'error', message, type: 'invalid', code: status }), headers: none }],
  [/\/files$|\/transcriptions$/, upload, openaiSide],
  [/\/messages\/batches$|\/threads\/|\/moderations$|\/images\/|\/audio\/speech$|\/backend-api\/conversation$|\/complete$/, resource, openaiSide],
  [/.+\/v1\/messages$/, under(anthropic, '/v1/messages'), anthropicSide],
  [/.+\/chat\/completions$/, under(openai, '/v1/chat/completions'), openaiSide],
  [/.+\/responses$/, under(openai, '/v1/responses'), openaiSide],
  [/.+\/embeddings$/, under(openai, '/v1/embeddings'), openaiSide],
  [/\/completions$|\/ai\/run\//, asChat, openaiSide],
];

// The side that owns a path, or null: { answer(method, path, asked, seed, chosen, query, request), error, headers }.
function sideOf(path) {
  const found = SIDES.find(([pattern]) => pattern.test(path));
  if (!found) return null;
  const [, make, rest] = found;
  return { ...rest, answer: (method, at, ...more) => (method === 'POST' ? make(at, ...more) : null) };
}

module.exports = { sideOf };
