// SPDX-License-Identifier: Apache-2.0
// What the client programs share: the pinned SDKs, a count of requests really sent, and one line of JSON as the result.
'use strict';
const diagnostics = require('node:diagnostics_channel');
const path = require('node:path');
const { createRequire } = require('node:module');
const load = createRequire(path.resolve(__dirname, '../../../build/clients/') + '/');

// Node's own fetch announces each request it makes; listening changes nothing in the SDK.
let attempts = 0;
diagnostics.subscribe('undici:request:create', () => { attempts += 1; });

function describe(error) {
  return {
    class: error.constructor.name, status: error.status ?? null, message: error.message, code: error.code ?? error.cause?.code ?? null,
    type: error.type ?? null, body: error.error ?? null, request_header: error.headers?.get?.('x-egresswarden-request') ?? null,
    cause: error.cause ? String(error.cause.message ?? error.cause) : null,
  };
}

async function main(work) {
  const asked = JSON.parse(process.argv[2] ?? '{}');
  let result;
  try {
    result = { ok: true, ...(await work(asked)) };
  } catch (error) {
    result = { ok: false, error: describe(error) };
  }
  process.stdout.write(JSON.stringify({ ...result, attempts, node: process.version }) + '\n');
}

// Reads an answer in both of the ways a program can: as the SDK's own objects, and as raw bytes.
async function collect(stream) {
  const events = [];
  for await (const event of stream) events.push(event);
  return { events };
}

async function raw(promise) {
  const response = await promise.asResponse();
  const headers = Object.fromEntries(response.headers);
  return { status: response.status, headers, bytes: Buffer.from(await response.arrayBuffer()).toString('base64') };
}

module.exports = { load, main, collect, raw };
