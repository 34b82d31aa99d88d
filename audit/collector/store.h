// SPDX-License-Identifier: Apache-2.0
// The collector's own state: `state.sqlite`, one compare-and-swap row per origin and what cannot be made
// again (owners, hashes above the tiles, the entries of the last, incomplete bundle, sealed disclosures).
// Never rebuilt, never dropped; the index (index.h) is another file.
#pragma once

namespace warden::audit {

constexpr char kLedgerTables[] = R"(
CREATE TABLE IF NOT EXISTS hosts(       -- <log-domain>/<tenant>/h/<host-id>
  host TEXT PRIMARY KEY,
  owner TEXT NOT NULL,                  -- digest of the public key in the client certificate
  since INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS origins(
  id INTEGER PRIMARY KEY, origin TEXT NOT NULL UNIQUE, host TEXT NOT NULL, epoch INTEGER NOT NULL,
  vkey TEXT NOT NULL,
  accepted INTEGER NOT NULL,            -- size of the last checkpoint whose consistency was shown
  root BLOB NOT NULL, note TEXT NOT NULL,
  held INTEGER NOT NULL,                -- entries here, all of them below `accepted`
  cosigned INTEGER NOT NULL, receipt TEXT NOT NULL,
  seen INTEGER NOT NULL);               -- wall clock, microseconds
CREATE INDEX IF NOT EXISTS origins_host ON origins(host, epoch);
CREATE TABLE IF NOT EXISTS nodes(       -- roots of complete subtrees of height 8 x level, level 1 and up
  origin INTEGER NOT NULL, level INTEGER NOT NULL, at INTEGER NOT NULL, hash BLOB NOT NULL,
  PRIMARY KEY(origin, level, at)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tail(        -- entries of the bundle that is not full yet
  origin INTEGER NOT NULL, seq INTEGER NOT NULL, leaf BLOB NOT NULL,
  PRIMARY KEY(origin, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS subjects(    -- one key per person and host: deleting the row erases what it sealed
  id INTEGER PRIMARY KEY, host TEXT NOT NULL, subject TEXT NOT NULL, key BLOB NOT NULL, UNIQUE(host, subject));
CREATE TABLE IF NOT EXISTS disclosures(
  origin INTEGER NOT NULL, seq INTEGER NOT NULL, subject INTEGER NOT NULL, sealed BLOB NOT NULL,
  PRIMARY KEY(origin, seq)) WITHOUT ROWID;
PRAGMA user_version = 1;
)";

}  // namespace warden::audit
