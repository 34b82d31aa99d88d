// SPDX-License-Identifier: Apache-2.0
#include "audit/store/reader.h"

#include <algorithm>

#include "audit/store/layout.h"

namespace warden::audit {

Result<LogReader, StoreError> LogReader::open(const std::string& state_dir) {
  auto database = Database::open(state_dir + "/log.sqlite", Database::Mode::read_only);
  if (!database) return std::unexpected(database.error());
  LogReader reader(std::move(*database));
  if (auto ready = reader.prepare(); !ready) return std::unexpected(ready.error());
  if (auto vault = Vault::open(state_dir + "/host.key", false)) reader.vault_ = std::move(*vault);
  return reader;
}

Result<void, StoreError> LogReader::prepare() {
  const std::pair<Statement*, const char*> all[] = {
      {&epochs_,
       "SELECT e.epoch, e.origin, e.vkey, h.size, h.first, h.checkpoint, coalesce(r.size, 0), "
       "coalesce(r.note, '') "
       "FROM epochs e JOIN heads h USING(epoch) LEFT JOIN receipts r USING(epoch) ORDER BY epoch"},
      {&entries_, "SELECT id, leaf FROM entries WHERE id >= ? AND id < ? ORDER BY id"},
      {&leaf_hashes_, "SELECT id, hash FROM entries WHERE id >= ? AND id < ? ORDER BY id"},
      {&nodes_, "SELECT id, hash FROM nodes WHERE id >= ? AND id < ? ORDER BY id"},
      {&disclosure_,
       "SELECT d.sealed, s.subject, s.key FROM disclosures d JOIN subjects s ON s.id = d.subject WHERE d.id "
       "= ?"},
  };
  for (const auto& [statement, sql] : all) {
    auto prepared = database_.prepare(sql);
    if (!prepared) return std::unexpected(prepared.error());
    *statement = std::move(*prepared);
  }
  return {};
}

Result<std::vector<EpochState>, StoreError> LogReader::epochs() {
  std::vector<EpochState> all;
  for (;;) {
    const auto row = epochs_.step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return all;
    all.push_back({epochs_.integer(0), std::string(epochs_.bytes(1)), std::string(epochs_.bytes(2)),
                   epochs_.integer(3), epochs_.integer(4), epochs_.integer(6), std::string(epochs_.bytes(5)),
                   std::string(epochs_.bytes(7))});
  }
}

Result<EpochState, StoreError> LogReader::epoch(uint64_t number) {
  auto all = epochs();
  if (!all) return std::unexpected(all.error());
  if (all->empty()) return fail(StoreError::cannot_open, "the log is empty");
  if (number == 0) return std::move(all->back());
  for (EpochState& state : *all)
    if (state.epoch == number) return std::move(state);
  return fail(StoreError::cannot_open, "no epoch " + std::to_string(number));
}

Result<void, StoreError> LogReader::each_entry(uint64_t epoch, uint64_t from, uint64_t to,
                                               const std::function<bool(uint64_t, std::string_view)>& visit) {
  entries_.bind(entry_id(epoch, from)).bind(entry_id(epoch, std::min(to, kSeqMax)));
  for (;;) {
    const auto row = entries_.step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return {};
    if (visit(entries_.integer(0) & kSeqMax, entries_.bytes(1))) continue;
    entries_.reset();
    return {};
  }
}

Result<std::vector<std::string>, StoreError> LogReader::read_entries(uint64_t epoch, uint64_t from,
                                                                     uint64_t to) {
  std::vector<std::string> leaves;
  auto done = each_entry(epoch, from, to, [&](uint64_t seq, std::string_view leaf) {
    if (seq != from + leaves.size()) return false;
    leaves.emplace_back(leaf);
    return true;
  });
  if (!done) return std::unexpected(done.error());
  return leaves;
}

Result<std::string, StoreError> LogReader::disclosures(uint64_t epoch, uint64_t seq) {
  if (!vault_) return fail(StoreError::cannot_open, "host.key cannot be read");
  const uint64_t id = entry_id(epoch, seq);
  const auto row = disclosure_.bind(id).step();
  if (!row) return std::unexpected(row.error());
  if (!*row) return std::string();
  const auto key = unseal(vault_->derive("disclosure keys"), disclosure_.bytes(1), disclosure_.bytes(2));
  auto plain = key ? unseal(*key, std::to_string(id), disclosure_.bytes(0)) : std::nullopt;
  disclosure_.reset();
  if (!plain) return fail(StoreError::corrupt, "a disclosure does not open with this host.key");
  return std::move(*plain);
}

std::optional<std::vector<Digest>> LogReader::hashes(uint64_t epoch, unsigned level, uint64_t from,
                                                     uint64_t to) {
  Statement& query = level == 0 ? leaf_hashes_ : nodes_;
  const auto id = [&](uint64_t at) { return level == 0 ? entry_id(epoch, at) : node_id(epoch, level, at); };
  query.bind(id(from)).bind(id(to));
  std::vector<Digest> found;
  for (;;) {
    const auto row = query.step();
    if (!row) return std::nullopt;
    if (!*row) break;
    const std::string_view bytes = query.bytes(1);
    if (query.integer(0) != id(from + found.size()) || bytes.size() != sizeof(Digest)) {
      query.reset();
      return std::nullopt;
    }
    std::copy(bytes.begin(), bytes.end(), found.emplace_back().begin());
  }
  return found.size() == to - from ? std::optional(std::move(found)) : std::nullopt;
}

chain::SubtreeHash LogReader::subtrees(uint64_t epoch) {
  // A subtree is folded from at most 128 hashes of the nearest tile level below it.
  return [this, epoch](unsigned height, uint64_t index) -> std::optional<Digest> {
    const unsigned level = height / chain::kTileHeight, above = height % chain::kTileHeight;
    auto row = hashes(epoch, level, index << above, (index + 1) << above);
    if (!row) return std::nullopt;
    for (size_t width = row->size(); width > 1; width /= 2)
      for (size_t i = 0; i < width / 2; ++i) (*row)[i] = chain::node_hash((*row)[2 * i], (*row)[2 * i + 1]);
    return row->front();
  };
}

std::optional<std::string> LogReader::tile(uint64_t epoch, const chain::TileName& name) {
  const uint64_t from = name.index * chain::kTileWidth, to = from + name.width;
  std::string bytes;
  if (name.entries) {
    const auto leaves = read_entries(epoch, from, to);
    if (!leaves || leaves->size() != name.width) return std::nullopt;
    for (const std::string& leaf : *leaves)
      if (!chain::append_entry(bytes, leaf)) return std::nullopt;
    return bytes;
  }
  const auto row = hashes(epoch, name.level, from, to);
  if (!row) return std::nullopt;
  for (const Digest& hash : *row) bytes += view(hash);
  return bytes;
}

}  // namespace warden::audit
