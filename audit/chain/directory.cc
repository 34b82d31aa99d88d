// SPDX-License-Identifier: Apache-2.0
#include "audit/chain/directory.h"

#include <filesystem>

#include "agent/base/file.h"
#include "audit/chain/tile.h"

namespace warden::chain {
namespace {

namespace fs = std::filesystem;
constexpr size_t kBundleBytesMax = kTileWidth * (2 + kEntryBytesMax);
constexpr int kDepthMax = 10;  // tile/<level>/x000/x000/... and .p folders go no deeper

std::unexpected<Error<VerifyError>> bad(VerifyError code, const std::string& what) {
  return fail(code, what);
}

class DirectoryCheck {
 public:
  DirectoryCheck(std::string folder, Checkpoint checkpoint)
      : folder_(std::move(folder)), checkpoint_(std::move(checkpoint)) {}

  Result<void, VerifyError> files() const;
  Result<void, VerifyError> entries(const std::optional<Checkpoint>& old, const EntryCheck& check);

 private:
  [[nodiscard]] bool expected(const TileName& tile) const;
  Result<std::string, VerifyError> read(const TileName& tile) const;
  Result<void, VerifyError> bundle(const TileName& tile, const std::optional<Checkpoint>& old,
                                   const EntryCheck& check);
  Result<void, VerifyError> compare(unsigned level, uint64_t index, const std::string& hashes) const;

  std::string folder_;
  Checkpoint checkpoint_;
  Frontier tree_;
  std::string levels_[8];  // hashes of each level's tile that is being filled
};

// The one width that a tile has in a tree of this size.
bool DirectoryCheck::expected(const TileName& tile) const {
  const unsigned shift = tile.entries ? 0 : tile.level * kTileHeight;
  const uint64_t hashes = checkpoint_.size >> shift, start = tile.index * kTileWidth;
  return start < hashes && tile.width == std::min<uint64_t>(hashes - start, kTileWidth);
}

Result<void, VerifyError> DirectoryCheck::files() const {
  uint64_t found = 0, wanted = 0;
  each_tile(checkpoint_.size, [&](const TileName&) { return ++wanted > 0; });
  std::error_code error;
  fs::recursive_directory_iterator walk(folder_, error), end;
  for (; !error && walk != end; walk.increment(error)) {
    const std::string path = walk->path().string().substr(folder_.size() + 1);
    const auto type = walk->symlink_status(error).type();
    if (type == fs::file_type::directory && walk.depth() < kDepthMax) {
      if (fs::is_empty(walk->path(), error)) return bad(VerifyError::stray, path + ": an empty folder");
      continue;
    }
    if (type != fs::file_type::regular) return bad(VerifyError::stray, path + ": not a file of an export");
    if (path == "checkpoint" || path == "vkey") continue;
    const auto tile = TileName::parse(path);
    if (!tile || !expected(*tile))
      return bad(VerifyError::stray, path + ": does not belong to a log of this size");
    ++found;
  }
  if (error) return bad(VerifyError::cannot_read, folder_ + ": " + error.message());
  if (found != wanted)
    return bad(VerifyError::missing, std::to_string(wanted - found) + " tiles or bundles are missing");
  return {};
}

Result<std::string, VerifyError> DirectoryCheck::read(const TileName& tile) const {
  auto bytes = read_file(folder_ + '/' + tile.path(), kBundleBytesMax);
  if (!bytes) return bad(VerifyError::cannot_read, bytes.error().detail);
  return std::move(*bytes);
}

Result<void, VerifyError> DirectoryCheck::compare(unsigned level, uint64_t index,
                                                  const std::string& hashes) const {
  const TileName tile{false, level, index, static_cast<unsigned>(hashes.size() / sizeof(Digest))};
  const auto bytes = read(tile);
  if (!bytes) return std::unexpected(bytes.error());
  if (*bytes != hashes)
    return bad(VerifyError::mismatch, tile.path() + ": hashes are not those of the entries");
  return {};
}

Result<void, VerifyError> DirectoryCheck::bundle(const TileName& tile, const std::optional<Checkpoint>& old,
                                                 const EntryCheck& check) {
  const auto bytes = read(tile);
  if (!bytes) return std::unexpected(bytes.error());
  const auto entries = parse_bundle(*bytes, tile.width);
  if (!entries) return bad(VerifyError::mismatch, tile.path() + ": not exactly its entries");
  Result<void, VerifyError> done;
  for (const std::string_view entry : *entries) {
    const uint64_t index = tree_.size();
    if (check)
      if (const auto wrong = check(checkpoint_, index, entry))
        return bad(VerifyError::bad_entry, "entry " + std::to_string(index) + ": " + *wrong);
    tree_.append(leaf_hash(entry), [&](unsigned height, uint64_t at, const Digest& hash) {
      if (!done || height % kTileHeight != 0) return;
      std::string& row = levels_[height / kTileHeight];
      row += view(hash);
      if (row.size() < kTileWidth * sizeof(Digest)) return;
      done = compare(height / kTileHeight, at / kTileWidth, row);
      row.clear();
    });
    if (!done) return done;
    if (old && tree_.size() == old->size && tree_.root() != old->root)
      return bad(VerifyError::inconsistent, "this log does not extend the earlier checkpoint");
  }
  return {};
}

Result<void, VerifyError> DirectoryCheck::entries(const std::optional<Checkpoint>& old,
                                                  const EntryCheck& check) {
  if (old && old->size > checkpoint_.size)
    return bad(VerifyError::inconsistent, "the earlier checkpoint is larger");
  if (old && old->size == 0 && old->root != empty_root())
    return bad(VerifyError::inconsistent, "the earlier root");
  for (uint64_t index = 0; index * kTileWidth < checkpoint_.size; ++index) {
    const uint64_t left = checkpoint_.size - index * kTileWidth;
    const TileName tile{true, 0, index, static_cast<unsigned>(std::min<uint64_t>(left, kTileWidth))};
    if (auto done = bundle(tile, old, check); !done) return done;
  }
  for (unsigned level = 0; level < std::size(levels_); ++level) {
    if (levels_[level].empty()) continue;
    const uint64_t index = (checkpoint_.size >> (level * kTileHeight)) / kTileWidth;
    if (auto done = compare(level, index, levels_[level]); !done) return done;
  }
  if (tree_.root() != checkpoint_.root)
    return bad(VerifyError::mismatch, "the entries do not give the signed root");
  return {};
}

}  // namespace

Result<Checkpoint, VerifyError> verify_directory(const std::string& path, const Policy& policy,
                                                 const std::optional<std::string>& old_note,
                                                 const EntryCheck& check) {
  std::string folder = path;
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  const auto bytes = read_file(folder + "/checkpoint", kNoteBytesMax);
  if (!bytes) return bad(VerifyError::cannot_read, bytes.error().detail);
  const auto opened = policy.open(*bytes);
  if (!opened) return bad(VerifyError::bad_checkpoint, "checkpoint: " + opened.error().detail);
  const auto vkey = read_file(folder + "/vkey", kNoteBytesMax);
  if (!vkey) return bad(VerifyError::cannot_read, vkey.error().detail);
  if (*vkey != policy.log(opened->checkpoint.origin)->vkey() + '\n')
    return bad(VerifyError::mismatch, "vkey: not the trusted key of this log");
  std::optional<Checkpoint> old;
  if (old_note) {
    const auto earlier = open_checkpoint(*old_note, *policy.log(opened->checkpoint.origin));
    if (!earlier) return bad(VerifyError::bad_checkpoint, "earlier checkpoint: " + earlier.error().detail);
    old = earlier->checkpoint;
  }
  DirectoryCheck directory(folder, opened->checkpoint);
  if (auto done = directory.files(); !done) return std::unexpected(done.error());
  if (auto done = directory.entries(old, check); !done) return std::unexpected(done.error());
  return opened->checkpoint;
}

}  // namespace warden::chain
