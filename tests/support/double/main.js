#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// A provider double: speaks the OpenAI and Anthropic APIs over real HTTPS on loopback, with answers of our own, so that
// unmodified SDKs cannot tell, and writes down every byte it was sent.
//
//   main.js --certificates DIR --log FILE --ready FILE --listen ADDRESS:PORT=CERTIFICATE [--listen ...]
//
// CERTIFICATE is one of make-certificates' names (good, expired, wrongname, stranger, selfsigned), or `plain` for HTTP. With
// `+h2` behind it the server speaks HTTP/2 to who offers it (and `plain+h2` nothing else), with `+onlyh2` nothing else.
// Answers depend on the request alone (ids, dates and texts too), so two equal requests get equal bytes.
// Switches, as request headers: see answer.js.
'use strict';
const fs = require('node:fs');
const http = require('node:http');
const http2 = require('node:http2');
const https = require('node:https');
const path = require('node:path');
const { Journal } = require('./journal');
const { answer } = require('./answer');

function options(words) {
  const given = { listen: [] };
  for (let i = 0; i < words.length; i += 2) {
    const name = words[i].replace(/^--/, '');
    if (!words[i].startsWith('--') || words[i + 1] === undefined) throw new Error(`wrong use near ${words[i]}`);
    if (name === 'listen') given.listen.push(words[i + 1]);
    else given[name] = words[i + 1];
  }
  return given;
}

// Both versions behind one server: node:http2 hands HTTP/1.1 over to the same listeners.
function modernServer(kind, only, certificate) {
  const settings = { settings: { maxConcurrentStreams: 1000, initialWindowSize: 1 << 20 }, maxSessionMemory: 1000 };
  if (kind === 'plain') return http2.createServer(settings);
  const server = http2.createSecureServer({ ...settings, ...certificate, allowHTTP1: !only, ALPNProtocols: only ? ['h2'] : undefined });
  server.on('session', (session) => {
    if (session.setLocalWindowSize) session.setLocalWindowSize(16 << 20);
  });
  return server;
}

function serverFor(certificate, versions, folder) {
  const common = { keepAliveTimeout: 30000, requestTimeout: 0, headersTimeout: 0, maxHeaderSize: 256 * 1024 };
  const read = (name) => fs.readFileSync(path.join(folder, name));
  const identity = certificate === 'plain' ? {} : { cert: read(`${certificate}.pem`), key: read(`${certificate}.key`) };
  if (versions) return modernServer(certificate, versions === 'onlyh2', identity);
  if (certificate === 'plain') return http.createServer(common);
  return https.createServer({
    ...common,
    ...identity,
    ALPNProtocols: ['http/1.1'],
    SNICallback: undefined,
  });
}

function start(where, given, journal) {
  const [, address, port, certificate, versions] = /^(.+):(\d+)=(\w+?)(?:\+(h2|onlyh2))?$/.exec(where) ?? [];
  if (!certificate) throw new Error(`--listen wants ADDRESS:PORT=CERTIFICATE, got ${where}`);
  const server = serverFor(certificate, versions, given.certificates);
  journal.watch(server, where);
  const serve = (request, response) => answer(request, response, journal);
  server.on('request', serve);
  // A client that asks first is told to go on only by us, so that a test can see who said it.
  server.on('checkContinue', (request, response) => {
    response.writeContinue();
    serve(request, response);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: address, port: Number(port), backlog: 1024 }, resolve);
  });
}

async function main() {
  const given = options(process.argv.slice(2));
  const journal = new Journal(given.log);
  for (const where of given.listen) await start(where, given, journal);
  if (given.ready) fs.writeFileSync(given.ready, `${process.pid}\n`);
  process.on('SIGTERM', () => process.exit(0));
}

main().catch((error) => {
  console.error(`provider double: ${error.message}`);
  process.exit(2);
});
