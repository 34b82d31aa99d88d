// SPDX-License-Identifier: Apache-2.0
// Tree: a YAML or JSON document as plain values with the place of each. Bounded in bytes, nodes and depth;
// duplicate keys, anchors, aliases and unknown tags are errors, so what a reviewer sees is what is meant.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace warden::policy {

struct Tree {
  enum class Kind : unsigned char { null, scalar, sequence, map };
  struct Name {
    std::string text;
    int line = 0, column = 0;
  };
  Kind kind = Kind::null;
  bool quoted = false;       // a scalar in quotes is a text whatever it looks like
  int line = 0, column = 0;  // from 1; 0 where the format gives none (JSON)
  std::string text;          // scalar
  std::vector<Tree> items;   // sequence; map: the values, in order
  std::vector<Name> names;   // map: the keys, beside items

  [[nodiscard]] const Tree* find(std::string_view name) const;
  [[nodiscard]] bool is_map() const { return kind == Kind::map; }
  [[nodiscard]] bool is_scalar() const { return kind == Kind::scalar; }
};

struct TreeError {
  int line = 0, column = 0;
  std::string what;
};

inline constexpr size_t kTreeBytesMax = 1 << 20;
inline constexpr size_t kTreeNodesMax = 200'000;
inline constexpr int kTreeDepthMax = 32;

std::variant<Tree, TreeError> parse_yaml(std::string_view text);  // exactly one document
std::variant<Tree, TreeError> parse_json(std::string_view text);

std::string json_quote(std::string_view text);  // with its quotes; invalid UTF-8 becomes U+FFFD

}  // namespace warden::policy
