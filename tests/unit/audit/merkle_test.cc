// SPDX-License-Identifier: Apache-2.0
// The tree against the vectors that Certificate Transparency implementations share, and every proof of small
// trees against a second, recursive reading of RFC 6962.
#include "audit/chain/merkle.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <bit>
#include <map>

#include "agent/base/digest.h"

namespace warden::chain {
namespace {

Digest from_text(std::string_view hexadecimal) {
  Digest digest{};
  const std::string bytes = from_hex(hexadecimal).value_or("");
  if (bytes.size() == digest.size()) std::copy(bytes.begin(), bytes.end(), digest.begin());
  return digest;
}

// RFC 6962, 2.1, word for word.
Digest mth(const std::vector<std::string>& leaves, size_t low, size_t high) {
  if (low == high) return sha256({});
  if (high - low == 1) return sha256(std::string(1, '\0') + leaves[low]);
  const size_t k = std::bit_floor(high - low - 1);
  return sha256('\x01' + std::string(view(mth(leaves, low, low + k))) +
                std::string(view(mth(leaves, low + k, high))));
}

struct Tree {
  std::vector<std::string> leaves;
  std::map<std::pair<unsigned, uint64_t>, Digest> nodes;
  Frontier frontier;
  void add(const std::string& leaf) {
    leaves.push_back(leaf);
    frontier.append(leaf_hash(leaf), [&](unsigned h, uint64_t i, const Digest& d) { nodes[{h, i}] = d; });
  }
  SubtreeHash reader() const {
    return [this](unsigned h, uint64_t i) -> std::optional<Digest> {
      const auto found = nodes.find({h, i});
      return found == nodes.end() ? std::nullopt : std::optional(found->second);
    };
  }
};

Tree numbered(size_t size) {
  Tree tree;
  for (size_t i = 0; i < size; ++i) tree.add("leaf " + std::to_string(i));
  return tree;
}

TEST(Merkle, SharedVectors) {
  const char* inputs[] = {
      "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"};
  const char* roots[] = {"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                         "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                         "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                         "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                         "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                         "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                         "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                         "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
  Tree tree;
  EXPECT_EQ(hex(view(tree.frontier.root())),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  for (size_t i = 0; i < std::size(inputs); ++i) {
    tree.add(*from_hex(inputs[i]));
    EXPECT_EQ(tree.frontier.root(), from_text(roots[i])) << i;
  }
}

TEST(Merkle, EveryProofOfSmallTrees) {
  for (size_t size = 1; size <= 40; ++size) {
    const Tree tree = numbered(size);
    const Digest root = mth(tree.leaves, 0, size);
    ASSERT_EQ(tree.frontier.root(), root);
    ASSERT_EQ(tree_root(size, tree.reader()), root);
    for (size_t i = 0; i < size; ++i) {
      const auto proof = inclusion_proof(i, size, tree.reader());
      ASSERT_TRUE(proof);
      EXPECT_TRUE(verify_inclusion(*proof, i, size, leaf_hash(tree.leaves[i]), root));
      EXPECT_FALSE(verify_inclusion(*proof, i, size, leaf_hash("other"), root));
      EXPECT_FALSE(verify_inclusion(*proof, i + 1, size, leaf_hash(tree.leaves[i]), root));
    }
    for (size_t old = 0; old <= size; ++old) {
      const auto proof = consistency_proof(old, size, tree.reader());
      ASSERT_TRUE(proof);
      const Digest old_root = mth(tree.leaves, 0, old);
      EXPECT_TRUE(verify_consistency(*proof, old, size, old_root, root)) << old << " of " << size;
      EXPECT_FALSE(verify_consistency(*proof, old, size, leaf_hash("other"), root));
      EXPECT_FALSE(verify_consistency(*proof, old, size, old_root, leaf_hash("other")) && old != 0);
    }
  }
}

TEST(Merkle, AnyChangeOfAProofFails) {
  rc::check([] {
    const auto size = *rc::gen::inRange<size_t>(2, 600);
    const auto index = *rc::gen::inRange<size_t>(0, size);
    const auto old = *rc::gen::inRange<size_t>(1, size);
    const Tree tree = numbered(size);
    const Digest root = tree.frontier.root();
    const Digest leaf = leaf_hash(tree.leaves[index]);
    Proof inclusion = *inclusion_proof(index, size, tree.reader());
    RC_ASSERT(verify_inclusion(inclusion, index, size, leaf, root));
    Proof consistency = *consistency_proof(old, size, tree.reader());
    const Digest old_root = mth(tree.leaves, 0, old);
    RC_ASSERT(verify_consistency(consistency, old, size, old_root, root));

    const auto which = *rc::gen::inRange<size_t>(0, inclusion.size());
    const auto bit = *rc::gen::inRange<size_t>(0, 256);
    inclusion[which][bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    RC_ASSERT(!verify_inclusion(inclusion, index, size, leaf, root));
    consistency[which % consistency.size()][bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    RC_ASSERT(!verify_consistency(consistency, old, size, old_root, root));
    consistency.push_back(root);
    RC_ASSERT(!verify_consistency(consistency, old, size, old_root, root));
    inclusion.pop_back();
    RC_ASSERT(!verify_inclusion(inclusion, index, size, leaf, root));
  });
}

TEST(Merkle, FrontierResumes) {
  const Tree tree = numbered(300);
  auto resumed = Frontier::from(tree.frontier.size(), tree.frontier.peaks());
  ASSERT_TRUE(resumed);
  resumed->append(leaf_hash("leaf 300"));
  EXPECT_EQ(resumed->root(), numbered(301).frontier.root());
  EXPECT_FALSE(Frontier::from(7, {Digest{}}));
}

TEST(Merkle, AMissingSubtreeMakesNoProof) {
  const SubtreeHash nothing = [](unsigned, uint64_t) { return std::nullopt; };
  EXPECT_FALSE(inclusion_proof(3, 8, nothing));
  EXPECT_FALSE(consistency_proof(3, 8, nothing));
  EXPECT_FALSE(inclusion_proof(8, 8, numbered(8).reader()));
  EXPECT_FALSE(consistency_proof(9, 8, numbered(8).reader()));
}

}  // namespace
}  // namespace warden::chain
