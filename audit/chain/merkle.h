// SPDX-License-Identifier: Apache-2.0
// The Merkle tree of RFC 6962, section 2.1: hashes, the growing edge of a tree, inclusion and consistency
// proofs.
//
// Proofs are made from the hashes of complete subtrees, named (height, index), which the caller keeps where
// it likes. Verification follows RFC 9162, sections 2.1.3.2 and 2.1.4.2, and never reads more than the proof.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "agent/base/bytes.h"

namespace warden::chain {

using Proof = std::vector<Digest>;

Digest leaf_hash(std::string_view entry);
Digest node_hash(const Digest& left, const Digest& right);
const Digest& empty_root();  // SHA-256 of nothing

// Frontier: all that is needed to go on appending, at most 64 hashes: the roots of the complete subtrees,
// largest first.
class Frontier {
 public:
  Frontier() = default;
  static std::optional<Frontier> from(uint64_t size,
                                      std::vector<Digest> peaks);  // nullopt: the counts do not fit

  void append(const Digest& leaf) {
    append(leaf, [](unsigned, uint64_t, const Digest&) {});
  }
  // `visit(height, index, hash)` sees each subtree that this leaf completes, the leaf itself (height 0)
  // first.
  template <class Visit>
  void append(const Digest& leaf, Visit&& visit);

  [[nodiscard]] uint64_t size() const { return size_; }
  [[nodiscard]] Digest root() const;
  [[nodiscard]] const std::vector<Digest>& peaks() const { return peaks_; }
  bool operator==(const Frontier&) const = default;

 private:
  uint64_t size_ = 0;
  std::vector<Digest> peaks_;
};

template <class Visit>
void Frontier::append(const Digest& leaf, Visit&& visit) {
  Digest hash = leaf;
  unsigned height = 0;
  for (uint64_t n = size_;; n >>= 1, ++height) {
    visit(height, n, hash);
    if ((n & 1) == 0) break;  // this subtree waits for its sibling
    hash = node_hash(peaks_.back(), hash);
    peaks_.pop_back();
  }
  peaks_.push_back(hash);
  ++size_;
}

// The hash of the complete subtree over leaves [index << height, (index + 1) << height); nullopt when it
// cannot be had.
using SubtreeHash = std::function<std::optional<Digest>(unsigned height, uint64_t index)>;

std::optional<Digest> tree_root(uint64_t size, const SubtreeHash& hash);
std::optional<Proof> inclusion_proof(uint64_t index, uint64_t size, const SubtreeHash& hash);
std::optional<Proof> consistency_proof(uint64_t old_size, uint64_t size, const SubtreeHash& hash);

bool verify_inclusion(const Proof& proof, uint64_t index, uint64_t size, const Digest& leaf,
                      const Digest& root);
bool verify_consistency(const Proof& proof, uint64_t old_size, uint64_t size, const Digest& old_root,
                        const Digest& root);

}  // namespace warden::chain
