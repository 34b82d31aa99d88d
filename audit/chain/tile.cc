// SPDX-License-Identifier: Apache-2.0
#include "audit/chain/tile.h"

#include <algorithm>

#include "audit/chain/checkpoint.h"

namespace warden::chain {
namespace {

constexpr unsigned kLevelMax = 7;  // 8 levels of 256 hold 2^64 leaves

std::string three_digits(uint64_t value) {
  std::string text = std::to_string(value);
  return std::string(3 - text.size(), '0') + text;
}

std::string index_path(uint64_t index) {
  std::string path = three_digits(index % 1000);
  while (index >= 1000) {
    index /= 1000;
    path = 'x' + three_digits(index % 1000) + '/' + path;
  }
  return path;
}

// x001/x234/067; any other spelling of the same number fails, since the caller compares with path().
std::optional<uint64_t> parse_index(std::string_view path) {
  uint64_t index = 0;
  for (unsigned elements = 0; elements < 6; ++elements) {
    const bool last = !path.starts_with('x');
    if (!last) path.remove_prefix(1);
    if (path.size() < 3 ||
        !std::all_of(path.begin(), path.begin() + 3, [](char c) { return c >= '0' && c <= '9'; }))
      return std::nullopt;
    index =
        index * 1000 + static_cast<uint64_t>((path[0] - '0') * 100 + (path[1] - '0') * 10 + (path[2] - '0'));
    path.remove_prefix(3);
    if (last) return path.empty() ? std::optional(index) : std::nullopt;
    if (!path.starts_with('/')) return std::nullopt;
    path.remove_prefix(1);
  }
  return std::nullopt;
}

}  // namespace

std::string TileName::path() const {
  std::string path =
      "tile/" + (entries ? std::string("entries") : std::to_string(level)) + '/' + index_path(index);
  if (width != kTileWidth) path += ".p/" + std::to_string(width);
  return path;
}

std::optional<TileName> TileName::parse(std::string_view path) {
  const std::string_view whole = path;
  TileName tile;
  if (!path.starts_with("tile/")) return std::nullopt;
  path.remove_prefix(5);
  const size_t slash = path.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  tile.entries = path.substr(0, slash) == "entries";
  const std::optional<uint64_t> level = tile.entries ? 0 : parse_decimal(path.substr(0, slash));
  path.remove_prefix(slash + 1);
  if (const size_t partial = path.find(".p/"); partial != std::string_view::npos) {
    const std::optional<uint64_t> width = parse_decimal(path.substr(partial + 3));
    if (!width || *width == 0 || *width >= kTileWidth) return std::nullopt;
    tile.width = static_cast<unsigned>(*width);
    path = path.substr(0, partial);
  }
  const std::optional<uint64_t> index = parse_index(path);
  if (!level || *level > kLevelMax || !index) return std::nullopt;
  tile.level = static_cast<unsigned>(*level);
  tile.index = *index;
  return tile.path() == whole ? std::optional(tile) : std::nullopt;
}

bool each_tile(uint64_t size, const std::function<bool(const TileName&)>& visit) {
  const auto each = [&](bool entries, unsigned level, uint64_t hashes) {
    for (uint64_t index = 0; index * kTileWidth < hashes; ++index) {
      const uint64_t left = hashes - index * kTileWidth;
      const auto width = static_cast<unsigned>(std::min<uint64_t>(left, kTileWidth));
      if (!visit({entries, level, index, width})) return false;
    }
    return true;
  };
  if (!each(true, 0, size)) return false;
  for (unsigned level = 0; level <= kLevelMax && (size >> (level * kTileHeight)) > 0; ++level)
    if (!each(false, level, size >> (level * kTileHeight))) return false;
  return true;
}

bool append_entry(std::string& bundle, std::string_view entry) {
  if (entry.size() > kEntryBytesMax) return false;
  bundle += static_cast<char>(entry.size() >> 8);
  bundle += static_cast<char>(entry.size() & 0xff);
  bundle += entry;
  return true;
}

std::optional<std::vector<std::string_view>> parse_bundle(std::string_view bundle, unsigned count) {
  if (count > kTileWidth) return std::nullopt;
  std::vector<std::string_view> entries;
  entries.reserve(count);
  for (unsigned i = 0; i < count; ++i) {
    if (bundle.size() < 2) return std::nullopt;
    const size_t length =
        static_cast<size_t>(static_cast<uint8_t>(bundle[0])) << 8 | static_cast<uint8_t>(bundle[1]);
    if (bundle.size() - 2 < length) return std::nullopt;
    entries.push_back(bundle.substr(2, length));
    bundle.remove_prefix(2 + length);
  }
  return bundle.empty() ? std::optional(std::move(entries)) : std::nullopt;
}

std::optional<std::vector<Digest>> parse_tile(std::string_view tile, unsigned width) {
  if (width > kTileWidth || tile.size() != width * sizeof(Digest)) return std::nullopt;
  std::vector<Digest> hashes(width);
  for (unsigned i = 0; i < width; ++i)
    std::copy_n(reinterpret_cast<const uint8_t*>(tile.data()) + i * sizeof(Digest), sizeof(Digest),
                hashes[i].begin());
  return hashes;
}

}  // namespace warden::chain
