// SPDX-License-Identifier: Apache-2.0
// Condition: a rule's `when`, compiled to a tree, and its value in Kleene's three-valued logic. Evaluation
// allocates nothing and reads only the facts given. The tree's depth is limited by whoever builds it
// (kDepthMax).
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/decide/fact_names.h"
#include "policy/decide/facts.h"
#include "policy/decide/glob.h"

namespace warden::policy {

enum class Truth : uint8_t {
  no,
  unknown,
  yes
};  // ordered: `all` is the least of its parts, `any` the greatest
inline Truth negate(Truth truth) {
  return static_cast<Truth>(2 - static_cast<int>(truth));
}

// Exact texts (sorted) and globs; empty matches nothing.
struct TextSet {
  std::vector<std::string> exact;
  std::vector<Glob> globs;
  [[nodiscard]] bool matches(std::string_view text) const;
  [[nodiscard]] bool empty() const { return exact.empty() && globs.empty(); }
  bool operator==(const TextSet&) const = default;
};

struct Range {
  int64_t low = std::numeric_limits<int64_t>::min();
  int64_t high = std::numeric_limits<int64_t>::max();  // inclusive both
  bool operator==(const Range&) const = default;
};

// An address block; IPv4 as IPv4-mapped IPv6.
struct Block {
  uint8_t address[16] = {};
  uint8_t bits = 0;
  bool operator==(const Block&) const = default;
};

// What one fact must satisfy. Exactly one of the members is asked, by `kind`.
struct FactTest {
  enum class Kind : uint8_t { exists, texts, integers, range, boolean, blocks, dates };
  Kind kind = Kind::exists;
  std::string fact;    // "identity.user"
  uint32_t slot = 0;   // of the fact in Program::slots
  bool wanted = true;  // exists, boolean
  TextSet texts;
  std::vector<int64_t> integers;  // sorted
  Range range;
  std::vector<Block> blocks;
  std::string first, last = "9999-99-99";  // dates, inclusive
  bool operator==(const FactTest&) const = default;
};

// Which findings a `data` condition selects, and how many there must be. Findings of tier suppressed are
// never selected.
struct DataTest {
  std::vector<std::string> classes;  // any of; "pii" selects "pii.gov" too; empty: every class
  bool all = false;                  // each of `classes` must be there
  TextSet detectors;                 // empty: every detector
  std::vector<std::string> where;    // empty: everywhere
  std::vector<std::string> tiers;    // empty: every tier but suppressed
  int confidence_min = 0;
  Range count{1, std::numeric_limits<int64_t>::max()};
  [[nodiscard]] bool selects(const DataFact& row) const;
  bool operator==(const DataTest&) const = default;
};

// "pii" covers "pii" and "pii.gov".
bool class_covers(std::string_view wanted, std::string_view data_class);

struct Condition {
  static constexpr int kDepthMax = 16;
  enum class Kind : uint8_t { all, any, negation, fact, data };
  Kind kind = Kind::all;         // `all` of nothing is yes: a rule without `when`
  std::vector<Condition> parts;  // all, any; one for negation
  FactTest fact;
  DataTest data;
  int line = 0, column = 0;  // where it stands in the bundle
};

// The same meaning written the same way; where it stands does not count.
bool same(const Condition& a, const Condition& b);

// The facts of one exchange as a program sees them: one pointer per slot, nullptr for absent.
struct View {
  std::span<const Fact* const> slots;
  const std::vector<DataFact>* rows = nullptr;
  bool data_known = true;
};

Truth evaluate(const Condition& condition, const View& view);

// Of a condition that is unknown: the fact that makes it so ("identity.user", "data").
std::string_view unresolved_fact(const Condition& condition, const View& view);

// Appends the indexes of the rows that the condition's `data` parts select, in branches that are at least
// `least`; parts under a `not` select nothing.
void select_rows(const Condition& condition, const View& view, Truth least, std::vector<uint8_t>& chosen);

// Whether select_rows() with `yes` would choose any.
bool selects_any(const Condition& condition, const View& view);

bool has_positive_data(const Condition& condition);

}  // namespace warden::policy
