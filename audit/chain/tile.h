// SPDX-License-Identifier: Apache-2.0
// The layout of c2sp.org/tlog-tiles: hashes in tiles 256 wide, entries in bundles of up to 256, each entry
// after its length (uint16, big-endian). Names are paths: tile/<level>/<index>[.p/<width>] and
// tile/entries/<index>[.p/<width>].
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/bytes.h"
#include "audit/chain/merkle.h"

namespace warden::chain {

constexpr unsigned kTileWidth = 256;
constexpr unsigned kTileHeight = 8;
constexpr size_t kEntryBytesMax = 65535;

struct TileName {
  bool entries = false;  // a bundle; level is 0
  unsigned level = 0;
  uint64_t index = 0;
  unsigned width = kTileWidth;

  [[nodiscard]] std::string path() const;
  static std::optional<TileName> parse(std::string_view path);
  auto operator<=>(const TileName&) const = default;
};

// Every tile and bundle of a tree of `size` leaves, once each; stops when `visit` returns false and then
// returns false.
bool each_tile(uint64_t size, const std::function<bool(const TileName&)>& visit);

// Appends entry with its length; false when it is longer than 65,535 bytes.
bool append_entry(std::string& bundle, std::string_view entry);
// Exactly `count` entries and no byte more; the views point into `bundle`.
std::optional<std::vector<std::string_view>> parse_bundle(std::string_view bundle, unsigned count);
std::optional<std::vector<Digest>> parse_tile(std::string_view tile, unsigned width);

}  // namespace warden::chain
