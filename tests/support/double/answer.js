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
// and where HTTP/2 is spoken:
//   x-double-reset N         RST_STREAM with INTERNAL_ERROR after N events
//   x-double-drop N          the whole connection goes after N events
//   x-double-goaway 1        GOAWAY before the answer, which still comes
//   x-double-filler N        each event is followed by a comment of N bytes
// A body of application/grpc is sent back, with trailers.
'use strict';
const crypto = require('node:crypto');
const http2 = require('node:http2');
const zlib = require('node:zlib');
const openai = require('./openai');
const anthropic = require('./anthropic');

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
  return plain.length ? JSON.parse(plain.toString('utf8')) : {};
}

function switches(request) {
  const number = (name, otherwise) => Number(request.headers[`x-double-${name}`] ?? otherwise);
  return {
    gap_ms: number('gap-ms', 0), delay_ms: number('delay-ms', 0), events: number('events', 8), words: number('words', 12),
    status: number('status', 0), cut: number('cut', -1), chunked: number('chunked', 0), plain_coding: number('plain-coding', 0),
    reset: number('reset', -1), drop: number('drop', -1), goaway: number('goaway', 0), filler: number('filler', 0),
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

// Not faster than it is taken.
function drained(response) {
  return new Promise((resolve) => {
    response.once('drain', resolve);
    response.once('close', resolve);
  });
}

function sendGrpc(response, body) {
  response.writeHead(200, { 'content-type': 'application/grpc' });
  response.addTrailers({ 'grpc-status': '0', 'grpc-message': 'ok' });
  response.end(body);
}

// One write per event, so that an event is one TLS record and one chunk, as providers send them.
async function sendStream(request, response, events, headers, chosen) {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache', ...headers });
  let sent = 0;
  for (const event of events) {
    if (response.destroyed) return;
    if (chosen.cut >= 0 && sent >= chosen.cut) return void request.socket.destroy();
    if (chosen.reset >= 0 && sent >= chosen.reset) return void response.stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
    if (chosen.drop >= 0 && sent >= chosen.drop) return void response.stream.session.destroy();
    if (sent > 0 && chosen.gap_ms > 0) await wait(chosen.gap_ms);
    if (!response.write(chosen.filler ? `${event}: ${'.'.repeat(chosen.filler)}\n\n` : event)) await drained(response);
    sent += 1;
  }
  response.end();
}

async function answer(request, response, journal) {
  const { body, complete } = await bodyOf(request);
  journal.request(request, body, complete);
  if (!complete) return;
  const chosen = switches(request);
  if (chosen.delay_ms > 0) await wait(chosen.delay_ms);
  response.sendDate = false;
  if (chosen.goaway) response.stream.session.goaway();
  if (request.headers['content-type'] === 'application/grpc') return sendGrpc(response, body);
  const dialect = /^\/v1\/messages/.test(request.url) || 'anthropic-version' in request.headers ? anthropic : openai;
  const seed = seedOf(request, body);
  const headers = { date: FIXED_DATE, ...dialect.headers(seed) };
  let asked;
  try {
    asked = parse(request, body);
  } catch {
    return sendPlain(request, response, 400, dialect.error(400, 'We could not parse the body of your request.'), headers, chosen);
  }
  if (chosen.status) return sendPlain(request, response, chosen.status, dialect.error(chosen.status, 'A switched error.'), headers, chosen);
  const made = dialect.answer(request.method, request.url.split('?')[0], asked, seed, chosen);
  if (!made) return sendPlain(request, response, 404, dialect.error(404, `Unknown path ${request.url}`), headers, chosen);
  if (made.events) return sendStream(request, response, made.events, headers, chosen);
  return sendPlain(request, response, 200, made.value, headers, chosen);
}

module.exports = { answer };
