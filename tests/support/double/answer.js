// SPDX-License-Identifier: Apache-2.0
// Reads one request whole and answers it in the dialect its path belongs to. Switches (request headers):
//   x-double-gap-ms N      pause between two events of a stream
//   x-double-delay-ms N    wait before the first byte of the answer
//   x-double-events N      how many text pieces a stream carries
//   x-double-words N       how many words a plain answer carries
//   x-double-status N      answer with this error status in the provider's own error shape
//   x-double-cut N         destroy the connection after N events (streams) or after half of the body
//   x-double-chunked 1     send a plain answer chunked, without content-length
//   x-double-plain-coding 1  never compress
'use strict';
const crypto = require('node:crypto');
const zlib = require('node:zlib');
const openai = require('./openai');
const anthropic = require('./anthropic');
const { sideOf } = require('./dialects');

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const FIXED_DATE = 'Mon, 02 Nov 2026 09:00:00 GMT';

function bodyOf(request) {
  return new Promise((resolve) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => resolve({ body: Buffer.concat(parts), complete: true }));
    request.on('error', () => resolve({ body: Buffer.concat(parts), complete: false }));
  });
}

const DECODERS = { gzip: zlib.gunzipSync, deflate: zlib.inflateSync, br: zlib.brotliDecompressSync };

function parse(request, body) {
  const coding = request.headers['content-encoding'];
  const plain = DECODERS[coding] ? DECODERS[coding](body) : body;
  if (/^multipart\//.test(request.headers['content-type'] ?? '')) return {};
  return plain.length ? JSON.parse(plain.toString('utf8')) : {};
}

function switches(request) {
  const number = (name, otherwise) => Number(request.headers[`x-double-${name}`] ?? otherwise);
  return {
    gap_ms: number('gap-ms', 0), delay_ms: number('delay-ms', 0), events: number('events', 8), words: number('words', 12),
    status: number('status', 0), cut: number('cut', -1), chunked: number('chunked', 0), plain_coding: number('plain-coding', 0),
  };
}

// The seed stands for whatever a provider would draw at random: the same request always gets the same ids.
function seedOf(request, body) {
  return crypto.createHash('sha256').update(request.url).update(body).digest('hex');
}

function sendPlain(request, response, status, value, headers, chosen) {
  let bytes = Buffer.from(JSON.stringify(value));
  const all = { 'content-type': 'application/json', ...headers };
  const accepts = String(request.headers['accept-encoding'] ?? '');
  if (!chosen.plain_coding && /\bgzip\b/.test(accepts)) {
    bytes = zlib.gzipSync(bytes);
    all['content-encoding'] = 'gzip';
    all.vary = 'accept-encoding';
  }
  if (!chosen.chunked) all['content-length'] = String(bytes.length);
  response.writeHead(status, all);
  if (chosen.cut < 0) return void response.end(bytes);
  response.write(bytes.subarray(0, bytes.length >> 1), () => request.socket.destroy());
}

// One write per event, so that an event is one TLS record and one chunk, as providers send them.
async function sendStream(request, response, events, type, headers, chosen) {
  response.writeHead(200, { 'content-type': type ?? 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache', ...headers });
  let sent = 0;
  for (const event of events) {
    if (response.destroyed) return;
    if (chosen.cut >= 0 && sent >= chosen.cut) return void request.socket.destroy();
    if (sent > 0 && chosen.gap_ms > 0) await wait(chosen.gap_ms);
    response.write(event);
    sent += 1;
  }
  response.end();
}

// The two first dialects own their usual paths, whatever stands under other prefixes.
function dialectOf(path, request) {
  if (/^\/v1\/messages(\/count_tokens)?$/.test(path) || 'anthropic-version' in request.headers) return anthropic;
  if (/^\/v1\/(chat\/completions|responses|embeddings|models)$/.test(path)) return openai;
  return sideOf(path) ?? openai;
}

async function answer(request, response, journal) {
  const { body, complete } = await bodyOf(request);
  journal.request(request, body, complete);
  if (!complete) return;
  const chosen = switches(request);
  if (chosen.delay_ms > 0) await wait(chosen.delay_ms);
  response.sendDate = false;
  const [path, query] = request.url.split('?');
  const dialect = dialectOf(path, request);
  const seed = seedOf(request, body);
  const headers = { date: FIXED_DATE, ...dialect.headers(seed) };
  let asked;
  try {
    asked = parse(request, body);
  } catch {
    return sendPlain(request, response, 400, dialect.error(400, 'We could not parse the body of your request.'), headers, chosen);
  }
  if (chosen.status) return sendPlain(request, response, chosen.status, dialect.error(chosen.status, 'A switched error.'), headers, chosen);
  const made = dialect.answer(request.method, path, asked, seed, chosen, query ?? '', request);
  if (!made) return sendPlain(request, response, 404, dialect.error(404, `Unknown path ${request.url}`), headers, chosen);
  if (made.events) return sendStream(request, response, made.events, made.type, headers, chosen);
  return sendPlain(request, response, made.status ?? 200, made.value, headers, chosen);
}

module.exports = { answer };
