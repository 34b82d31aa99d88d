// SPDX-License-Identifier: Apache-2.0
// client.js NAME PORT: exit 0 when https to 127.0.0.1:PORT verifies for NAME, 1 when it is refused. Trust: NODE_EXTRA_CA_CERTS.
const https = require('https');
const net = require('net');
const [name, port] = process.argv.slice(2);
const request = https.get({
  host: '127.0.0.1', port, servername: net.isIP(name) ? '' : name, agent: false, headers: { host: name },
  checkServerIdentity: (_, certificate) => require('tls').checkServerIdentity(name, certificate),
});
request.on('response', (response) => { response.resume(); process.exit(0); });
request.on('error', (error) => { console.log(error.code, error.message); process.exit(1); });
