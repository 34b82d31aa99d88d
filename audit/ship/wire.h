// SPDX-License-Identifier: Apache-2.0
// The bodies that travel from a host to its collector, both directions of coding in one place. In the manner
// of c2sp.org/tlog-witness and c2sp.org/tlog-mirror:
//
//   POST /add-checkpoint   text: "old N", consistency proof (base64, a line each), empty line, signed note
//   POST /add-entries      u16 length, origin; u64 start, end; entries, each after its u16 length; u8 count
//                          of hashes, hashes. The entries of one package (256, aligned), or none.
//   POST /add-disclosures  u16 length, origin; then u64 seq, u32 length, disclosures, each ending with '~'
//
// Integers are big-endian. Parsers take exactly what the formatters write and never more than the bounds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/chain/merkle.h"
#include "audit/chain/tile.h"

namespace warden::audit {

constexpr size_t kShipBodyBytesMax = 17u << 20;  // 256 entries of 65,535 bytes, and their proof
constexpr size_t kProofHashesMax = 63;
constexpr char kVkeyHeader[] = "x-egresswarden-vkey";  // of /add-checkpoint: the key of an origin's first one

struct CheckpointRequest {
  uint64_t old_size = 0;
  chain::Proof proof;
  std::string note;

  [[nodiscard]] std::string format() const;
  static std::optional<CheckpointRequest> parse(std::string_view body);
};

// Entries [start, end) of one package; start == end asks only for the receipt.
struct EntriesRequest {
  std::string_view origin;
  uint64_t start = 0, end = 0;
  std::vector<std::string_view> entries;
  chain::Proof proof;

  [[nodiscard]] std::string format() const;
  static std::optional<EntriesRequest> parse(std::string_view body);  // views into `body`
};

struct DisclosuresRequest {
  struct Item {
    uint64_t seq = 0;
    std::string_view text;
  };
  std::string_view origin;
  std::vector<Item> items;

  [[nodiscard]] std::string format() const;
  static std::optional<DisclosuresRequest> parse(std::string_view body);  // views into `body`
};

// <log-domain>/<tenant>/h/<host-id>/<epoch>. `host` is all but the epoch.
struct OriginParts {
  std::string_view host, host_id;
  uint64_t epoch = 0;
  static std::optional<OriginParts> parse(std::string_view origin);
};

// What a collector says of an origin (GET /latest/<origin>), three lines.
struct Latest {
  uint64_t size = 0;       // of the largest checkpoint it has accepted
  uint64_t epoch_max = 0;  // of this host, over all its origins
  std::string vkey;        // of the origin; empty: unknown to it

  [[nodiscard]] std::string format() const;
  static std::optional<Latest> parse(std::string_view body);
};

// The proof that package `index` (leaves 256 * index and on) is part of the tree of `size` leaves: the
// inclusion proof of that subtree, seen as a leaf of the tree above it.
std::optional<chain::Proof> package_proof(uint64_t index, uint64_t size, const chain::SubtreeHash& hash);
bool verify_package(const chain::Proof& proof, uint64_t index, uint64_t size, const Digest& package,
                    const Digest& root);

}  // namespace warden::audit
