// SPDX-License-Identifier: Apache-2.0
// The tables of log.sqlite, format 1, for the one writer and its readers.
#pragma once

#include <cstdint>

namespace warden::audit {

constexpr uint64_t kPageBytes = 4096;    // SQLite's default, and the size of a page of memory
constexpr uint64_t kWalBytes = 4 << 20;  // taken for the write-ahead log at start

// Rows are named by one integer, so that appending always goes to the end of the tree: epoch, then sequence.
constexpr uint64_t kEpochMax = (uint64_t{1} << 22) - 1;
constexpr uint64_t kSeqMax = (uint64_t{1} << 40) - 1;
constexpr uint64_t entry_id(uint64_t epoch, uint64_t seq) {
  return epoch << 40 | seq;
}
// Roots of complete subtrees of height 8 x level, level 1 to 4: the hashes that tiles above the first level
// hold.
constexpr uint64_t node_id(uint64_t epoch, uint64_t level, uint64_t index) {
  return epoch << 40 | level << 36 | index;
}

constexpr char kTables[] = R"(
CREATE TABLE IF NOT EXISTS epochs(      -- one Merkle log each
  epoch INTEGER PRIMARY KEY, origin TEXT NOT NULL, vkey TEXT NOT NULL,
  seed BLOB NOT NULL);                  -- private key, sealed under the host's secret
CREATE TABLE IF NOT EXISTS heads(       -- tree state after the last commit, and its signed checkpoint
  epoch INTEGER PRIMARY KEY, size INTEGER NOT NULL, peaks BLOB NOT NULL, checkpoint TEXT NOT NULL,
  first INTEGER NOT NULL,               -- entries below have been dropped
  bytes INTEGER NOT NULL);              -- of the entries kept
CREATE TABLE IF NOT EXISTS receipts(    -- the collector's cosignature
  epoch INTEGER PRIMARY KEY, size INTEGER NOT NULL, note TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS entries(id INTEGER PRIMARY KEY, hash BLOB NOT NULL, leaf BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS nodes(id INTEGER PRIMARY KEY, hash BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS subjects(    -- one key per person: deleting the row erases what it sealed
  id INTEGER PRIMARY KEY, subject TEXT NOT NULL UNIQUE, key BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS disclosures(id INTEGER PRIMARY KEY, subject INTEGER NOT NULL, sealed BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS pending(req TEXT PRIMARY KEY) WITHOUT ROWID;  -- decisions without outcome
PRAGMA user_version = 1;
)";

}  // namespace warden::audit
