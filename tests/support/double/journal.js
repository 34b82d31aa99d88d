// SPDX-License-Identifier: Apache-2.0
// What the double saw, one JSON object a line: connections, failed handshakes and requests with their exact body bytes.
// Written with synchronous appends: when a client has its answer, the line is already in the file.
'use strict';
const fs = require('node:fs');

class Journal {
  constructor(file) {
    this.descriptor = file ? fs.openSync(file, 'a') : null;
    this.requests = 0;
    this.connections = 0;
  }

  write(line) {
    if (this.descriptor !== null) fs.writeSync(this.descriptor, JSON.stringify(line) + '\n');
  }

  watch(server, where) {
    const tls = server.listenerCount('secureConnection') > 0;
    server.on('connection', (socket) => {
      socket.setNoDelay(true);
      if (!tls) this.open(socket, where, {});
      else if (!socket.encrypted) this.write({ event: 'connect', where });
    });
    server.on('secureConnection', (socket) => {
      this.open(socket, where, { sni: socket.servername || null, tls: socket.getProtocol(), alpn: socket.alpnProtocol || null });
    });
    server.on('session', (session) => {
      session.on('remoteSettings', (settings) => this.write({ event: 'settings', where, settings }));
      session.on('goaway', (code) => this.write({ event: 'goaway', where, code }));
    });
    server.on('tlsClientError', (error) => this.write({ event: 'tls_error', where, error: error.code || error.message }));
    server.on('clientError', (error, socket) => {
      this.write({ event: 'http_error', where, error: error.code || error.message });
      socket.destroy();
    });
  }

  open(socket, where, more) {
    socket.double = { connection: ++this.connections, where, requests: 0, ...more };
    this.write({ event: 'connection', ...socket.double, from: `${socket.remoteAddress}:${socket.remotePort}` });
  }

  // `complete` is false when the client went away before its body was whole.
  request(request, body, complete) {
    const connection = (request.stream?.session?.socket ?? request.socket).double ?? {};
    connection.requests += 1;
    this.requests += 1;
    const headers = [];
    for (let i = 0; i < request.rawHeaders.length; i += 2) headers.push([request.rawHeaders[i], request.rawHeaders[i + 1]]);
    this.write({
      event: 'request', n: this.requests, time_ms: Date.now(), where: connection.where, sni: connection.sni,
      connection: connection.connection, on_connection: connection.requests, method: request.method, url: request.url,
      version: request.httpVersion, headers, body: body.toString('base64'), complete,
    });
  }
}

module.exports = { Journal };
