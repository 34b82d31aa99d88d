// SPDX-License-Identifier: Apache-2.0
// The texts of the double: harmless, ours, and the same for the same seed.
'use strict';
const WORDS = ('the harbour keeps a quiet ledger of boats and tides while gulls argue over bread on the warm stone steps and every '
  + 'evening a lamp is lit for whoever comes late').split(' ');

function words(seed, count) {
  const start = parseInt(seed.slice(0, 6), 16);
  return Array.from({ length: count }, (_, i) => WORDS[(start + i * 7) % WORDS.length]);
}

// About four bytes a token, which is all the precision that a counter in a test needs.
const tokens = (value) => Math.max(1, Math.ceil(Buffer.byteLength(JSON.stringify(value ?? '')) / 4));

module.exports = { words, tokens };
