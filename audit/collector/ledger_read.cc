// SPDX-License-Identifier: Apache-2.0
// Reading the ledger: tiles, entries, proofs, disclosures.
#include "agent/base/file.h"
#include "audit/chain/proof.h"
#include "audit/collector/ledger.h"

namespace warden::audit {

using chain::kTileWidth;

std::vector<OriginState> Ledger::origins() {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  if (auto query = database_.prepare("SELECT origin FROM origins ORDER BY host, epoch"))
    while (query->step().value_or(false)) names.emplace_back(query->bytes(0));
  std::vector<OriginState> all;
  for (const std::string& name : names)
    if (auto state = load(name); state && *state) all.push_back(std::move(**state));
  return all;
}

std::optional<OriginState> Ledger::find(std::string_view origin) {
  const std::lock_guard lock(mutex_);
  auto state = load(origin);
  return state ? std::move(*state) : std::nullopt;
}

std::string Ledger::path_of(const OriginState& origin, const chain::TileName& name) const {
  return state_dir_ + "/tiles/" + origin.origin + '/' + name.path();
}

Result<std::vector<std::string>, StoreError> Ledger::tail(const OriginState& origin) {
  std::vector<std::string> leaves;
  sql_.tail.bind(origin.id);
  for (;;) {
    const auto row = sql_.tail.step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return leaves;
    leaves.emplace_back(sql_.tail.bytes(1));
  }
}

Result<std::vector<std::string>, StoreError> Ledger::entries(const OriginState& origin, uint64_t from,
                                                             uint64_t to) {
  const std::lock_guard lock(mutex_);
  // The caller's state may be older than what is held, and a tail may have become a bundle since.
  const auto now = load(origin.origin);
  if (!now || !*now) return fail(StoreError::corrupt, origin.origin + ": gone");
  return entries_locked(**now, from, to);
}

Result<std::vector<std::string>, StoreError> Ledger::entries_locked(const OriginState& origin, uint64_t from,
                                                                    uint64_t to) {
  std::vector<std::string> leaves;
  to = std::min(to, origin.held);
  while (from < to) {
    const uint64_t package = from / kTileWidth, low = package * kTileWidth;
    if (low + kTileWidth > origin.held) {
      auto last = tail(origin);
      if (!last) return last;
      for (; from < to && from - low < last->size(); ++from) leaves.push_back(std::move((*last)[from - low]));
      if (from < to) return fail(StoreError::corrupt, origin.origin + ": tail");
      break;
    }
    const std::string path = path_of(origin, {true, 0, package, kTileWidth});
    const auto bytes = read_file(path);
    if (!bytes) return fail(StoreError::corrupt, bytes.error().detail);
    const auto bundle = chain::parse_bundle(*bytes, kTileWidth);
    if (!bundle) return fail(StoreError::corrupt, path + ": not a bundle");
    for (; from < to && from < low + kTileWidth; ++from) leaves.emplace_back((*bundle)[from - low]);
  }
  return leaves;
}

std::optional<std::vector<Digest>> Ledger::hashes(const OriginState& origin, unsigned level, uint64_t from,
                                                  uint64_t to) {
  std::vector<Digest> found;
  if (level > 0) {
    sql_.node.bind(origin.id).bind(level).bind(from).bind(to);
    while (sql_.node.step().value_or(false)) {
      const std::string_view bytes = sql_.node.bytes(1);
      if (sql_.node.integer(0) != from + found.size() || bytes.size() != sizeof(Digest)) break;
      std::copy(bytes.begin(), bytes.end(), found.emplace_back().begin());
    }
    sql_.node.reset();
  } else if ((from / kTileWidth + 1) * kTileWidth <= origin.held) {
    const auto bytes = read_file(path_of(origin, {false, 0, from / kTileWidth, kTileWidth}), 1 << 16);
    const auto row = bytes ? chain::parse_tile(*bytes, kTileWidth) : std::nullopt;
    for (uint64_t at = from; row && at < to && at / kTileWidth == from / kTileWidth; ++at)
      found.push_back((*row)[at % kTileWidth]);
  } else if (const auto leaves = entries_locked(origin, from, to)) {
    for (const std::string& leaf : *leaves) found.push_back(chain::leaf_hash(leaf));
  }
  return found.size() == to - from ? std::optional(std::move(found)) : std::nullopt;
}

chain::SubtreeHash Ledger::subtrees(const OriginState& origin) {
  return [this, &origin](unsigned height, uint64_t index) -> std::optional<Digest> {
    const unsigned level = height / chain::kTileHeight, above = height % chain::kTileHeight;
    auto row = hashes(origin, level, index << above, (index + 1) << above);
    if (!row) return std::nullopt;
    for (size_t width = row->size(); width > 1; width /= 2)
      for (size_t i = 0; i < width / 2; ++i) (*row)[i] = chain::node_hash((*row)[2 * i], (*row)[2 * i + 1]);
    return row->front();
  };
}

std::optional<std::string> Ledger::tile(const OriginState& origin, const chain::TileName& name) {
  const std::lock_guard lock(mutex_);
  const auto now = load(origin.origin);
  return now && *now ? tile_locked(**now, name) : std::nullopt;
}

// Only what the tree held here has: a stranger learns nothing of files beyond it.
std::optional<std::string> Ledger::tile_locked(const OriginState& origin, const chain::TileName& name) {
  const uint64_t from = name.index * kTileWidth, to = from + name.width;
  const unsigned below = chain::kTileHeight * (name.entries ? 0 : name.level);
  if (name.index > UINT64_MAX / kTileWidth - 1 || below >= 64 || to > origin.held >> below)
    return std::nullopt;
  std::string bytes;
  if (name.entries) {
    const auto leaves = entries_locked(origin, from, to);
    if (!leaves || leaves->size() != name.width) return std::nullopt;
    for (const std::string& leaf : *leaves) chain::append_entry(bytes, leaf);
    return bytes;
  }
  const auto row = hashes(origin, name.level, from, to);
  if (!row) return std::nullopt;
  for (const Digest& hash : *row) bytes += view(hash);
  return bytes;
}

std::string Ledger::disclosures(const OriginState& origin, uint64_t seq) {
  const std::lock_guard lock(mutex_);
  if (!sql_.disclosure.bind(origin.id).bind(seq).step().value_or(false)) return {};
  const auto key =
      unseal(vault_.derive("disclosure keys"), sql_.disclosure.bytes(1), sql_.disclosure.bytes(2));
  const std::string place = origin.origin + ' ' + std::to_string(seq);
  auto plain = key ? unseal(*key, place, sql_.disclosure.bytes(0)) : std::nullopt;
  sql_.disclosure.reset();
  return plain.value_or("");
}

std::string Ledger::proof(const OriginState& origin, uint64_t seq) {
  const std::lock_guard lock(mutex_);
  const auto now = load(origin.origin);
  if (!now || !*now || seq >= (*now)->cosigned) return {};
  auto hashes = chain::inclusion_proof(seq, (*now)->cosigned, subtrees(**now));
  if (!hashes) return {};
  return chain::TlogProof{{}, seq, std::move(*hashes), (*now)->receipt}.format();
}

}  // namespace warden::audit
