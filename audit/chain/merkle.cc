// SPDX-License-Identifier: Apache-2.0
#include "audit/chain/merkle.h"

#include <algorithm>
#include <bit>

#include "agent/base/digest.h"

namespace warden::chain {
namespace {

Digest prefixed(std::string_view prefix, std::string_view a, std::string_view b) {
  thread_local Sha256 hash;
  hash.update(prefix);
  hash.update(a);
  if (!b.empty()) hash.update(b);
  return hash.finish();
}

// Root over leaves [low, high), where low is a multiple of every complete subtree that the range splits into.
std::optional<Digest> range_root(uint64_t low, uint64_t high, const SubtreeHash& hash) {
  std::vector<Digest> peaks;
  while (low < high) {
    const auto height = static_cast<unsigned>(std::bit_width(high - low) - 1);
    const std::optional<Digest> peak = hash(height, low >> height);
    if (!peak) return std::nullopt;
    peaks.push_back(*peak);
    low += uint64_t{1} << height;
  }
  if (peaks.empty()) return empty_root();
  Digest root = peaks.back();
  for (size_t i = peaks.size() - 1; i-- > 0;) root = node_hash(peaks[i], root);
  return root;
}

// The largest power of two below n; n > 1.
uint64_t split(uint64_t n) {
  return std::bit_floor(n - 1);
}

}  // namespace

Digest leaf_hash(std::string_view entry) {
  return prefixed(std::string_view("\0", 1), entry, {});
}
Digest node_hash(const Digest& left, const Digest& right) {
  return prefixed("\x01", view(left), view(right));
}

const Digest& empty_root() {
  static const Digest root = sha256({});
  return root;
}

std::optional<Frontier> Frontier::from(uint64_t size, std::vector<Digest> peaks) {
  if (peaks.size() != static_cast<size_t>(std::popcount(size))) return std::nullopt;
  Frontier frontier;
  frontier.size_ = size;
  frontier.peaks_ = std::move(peaks);
  return frontier;
}

Digest Frontier::root() const {
  if (peaks_.empty()) return empty_root();
  Digest root = peaks_.back();
  for (size_t i = peaks_.size() - 1; i-- > 0;) root = node_hash(peaks_[i], root);
  return root;
}

std::optional<Digest> tree_root(uint64_t size, const SubtreeHash& hash) {
  return range_root(0, size, hash);
}

std::optional<Proof> inclusion_proof(uint64_t index, uint64_t size, const SubtreeHash& hash) {
  if (index >= size) return std::nullopt;
  Proof proof;
  for (uint64_t low = 0, high = size; high - low > 1;) {
    const uint64_t middle = low + split(high - low);
    const bool left = index < middle;
    const std::optional<Digest> sibling =
        left ? range_root(middle, high, hash) : range_root(low, middle, hash);
    if (!sibling) return std::nullopt;
    proof.push_back(*sibling);
    (left ? high : low) = middle;
  }
  std::reverse(proof.begin(), proof.end());
  return proof;
}

std::optional<Proof> consistency_proof(uint64_t old_size, uint64_t size, const SubtreeHash& hash) {
  if (old_size > size) return std::nullopt;
  if (old_size == 0 || old_size == size) return Proof{};
  Proof proof;
  uint64_t low = 0, high = size;
  while (old_size != high) {
    const uint64_t middle = low + split(high - low);
    const bool left = old_size <= middle;
    const std::optional<Digest> sibling =
        left ? range_root(middle, high, hash) : range_root(low, middle, hash);
    if (!sibling) return std::nullopt;
    proof.push_back(*sibling);
    (left ? high : low) = middle;
  }
  // A whole left part of the old tree needs no hash: the verifier has it as the old root.
  if (low != 0) {
    const std::optional<Digest> last = range_root(low, high, hash);
    if (!last) return std::nullopt;
    proof.push_back(*last);
  }
  std::reverse(proof.begin(), proof.end());
  return proof;
}

bool verify_inclusion(const Proof& proof, uint64_t index, uint64_t size, const Digest& leaf,
                      const Digest& root) {
  if (index >= size) return false;
  uint64_t node = index, last = size - 1;
  Digest hash = leaf;
  for (const Digest& sibling : proof) {
    if (last == 0) return false;
    if ((node & 1) != 0 || node == last) {
      hash = node_hash(sibling, hash);
      while ((node & 1) == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      hash = node_hash(hash, sibling);
    }
    node >>= 1;
    last >>= 1;
  }
  return last == 0 && hash == root;
}

bool verify_consistency(const Proof& proof, uint64_t old_size, uint64_t size, const Digest& old_root,
                        const Digest& root) {
  if (old_size > size) return false;
  if (old_size == size) return proof.empty() && old_root == root;
  if (old_size == 0) return proof.empty() && old_root == empty_root();
  Proof path = proof;
  if (std::has_single_bit(old_size)) path.insert(path.begin(), old_root);
  if (path.empty()) return false;
  uint64_t node = old_size - 1, last = size - 1;
  while ((node & 1) != 0) {
    node >>= 1;
    last >>= 1;
  }
  Digest old_hash = path.front(), hash = path.front();
  for (size_t i = 1; i < path.size(); ++i) {
    if (last == 0) return false;
    if ((node & 1) != 0 || node == last) {
      old_hash = node_hash(path[i], old_hash);
      hash = node_hash(path[i], hash);
      while ((node & 1) == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      hash = node_hash(hash, path[i]);
    }
    node >>= 1;
    last >>= 1;
  }
  return last == 0 && old_hash == old_root && hash == root;
}

}  // namespace warden::chain
