// SPDX-License-Identifier: Apache-2.0
// LogReader: the log as seen by the command line and by shipping, through a read-only connection of their
// own. It sees only what is committed, and never waits for the writer nor holds it up.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"
#include "audit/chain/checkpoint.h"
#include "audit/chain/merkle.h"
#include "audit/chain/tile.h"
#include "audit/store/sqlite.h"
#include "audit/store/vault.h"
#include "audit/store/writer.h"

namespace warden::audit {

struct EpochState {
  uint64_t epoch = 0;
  std::string origin, vkey;
  uint64_t size = 0;
  uint64_t first = 0;  // entries below were dropped after the collector cosigned them
  uint64_t cosigned = 0;
  std::string checkpoint;  // signed note over `size`
  std::string receipt;     // signed and cosigned note over `cosigned`, or empty
};

class LogReader {
 public:
  // Disclosures can be read only where host.key can be.
  static Result<LogReader, StoreError> open(const std::string& state_dir);

  Result<std::vector<EpochState>, StoreError> epochs();   // oldest first
  Result<EpochState, StoreError> epoch(uint64_t number);  // 0: the current one

  // Leaves [from, to) in order, as far as they are kept; `visit` returns false to stop.
  Result<void, StoreError> each_entry(uint64_t epoch, uint64_t from, uint64_t to,
                                      const std::function<bool(uint64_t seq, std::string_view leaf)>& visit);
  Result<std::vector<std::string>, StoreError> read_entries(uint64_t epoch, uint64_t from, uint64_t to);
  // The record's disclosures, each followed by '~'; empty when it has none or they were erased.
  Result<std::string, StoreError> disclosures(uint64_t epoch, uint64_t seq);

  // For chain::inclusion_proof() and consistency_proof(), valid while this reader lives.
  chain::SubtreeHash subtrees(uint64_t epoch);
  // The bytes of a tile or bundle; nullopt when the log does not hold all of it (any more).
  std::optional<std::string> tile(uint64_t epoch, const chain::TileName& name);

 private:
  explicit LogReader(Database database) : database_(std::move(database)) {}
  Result<void, StoreError> prepare();
  // Hashes [from, to) of one tile level.
  std::optional<std::vector<Digest>> hashes(uint64_t epoch, unsigned level, uint64_t from, uint64_t to);

  Database database_;
  std::optional<Vault> vault_;
  Statement epochs_, entries_, leaf_hashes_, nodes_, disclosure_;
};

}  // namespace warden::audit
