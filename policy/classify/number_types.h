// SPDX-License-Identifier: Apache-2.0
// Number types: the identifiers of the number table (tables/numbers_*.txt), each found where a word that names it stands before it.
// A new one is one entry of the table with its cases; the unit test runs them, and no code changes. An entry:
//
//   es.cups custom.reference          detector and data class
//     labels cups | meter point       words that name it; upper and lower case, spaces and punctuation make no difference
//     shape <ES>d16A2 | ...           how it is written, see below
//     sep " -"                        what may stand between characters, up to three of them (default " -./")
//     pad 9                           leading zeros are added up to this length before the check
//     keep_case                       letters as they stand; otherwise the check sees capitals
//     check n(0,16) % 97 == 1         see expression.h; lines may follow, indented deeper. Without it the shape is all
//     any a.b | c.d                   instead of shape and check: what one of these types is. any_prefixed: with its prefix
//     anchored                        its labels are looked for in every text: a value without a digit is found too. Rare words only
//     tier asserted                   what holds is a label and a shape only, and no check digit
//     yes ... | ...   no ...          cases for the linter
//
// Shapes: d digit, A letter, L letter of any script, x either, h hexadecimal, [0-9K] a set, "RF" characters that must be there, 'x' the same but not part
// of the value, <GB|XI> a prefix that may be there and is not part of the value; then a count: 4, {7,8} or ?.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/classify/detector.h"
#include "policy/classify/expression.h"

namespace warden::classify {

struct ShapeItem {
  std::bitset<256> set;               // of one character; empty: a literal
  std::vector<std::string_view> literals;  // one of these, whole
  uint8_t min = 1;
  uint8_t max = 1;
  bool kept = true;  // part of the value
};
using Shape = std::vector<ShapeItem>;

struct NumberType {
  std::string_view id;
  std::string_view data_class;
  std::vector<std::string_view> labels;
  std::vector<Shape> shapes;
  std::string_view separators = " -./";
  std::optional<Expression> check;
  std::vector<const NumberType*> any;
  bool prefixed = false;  // `any` needs the prefix
  uint8_t pad = 0;
  bool keep_case = false;
  bool anchored = false;
  Tier tier = Tier::validated;
  std::vector<std::string_view> yes, no;
};

struct NumberMatch {
  uint32_t end = 0;      // of the value in the text
  bool checked = false;  // the check holds too
};

class NumberTypes {
 public:
  // Nothing, and line and reason in `error`, when the table is wrong. `table` outlives the result.
  static std::optional<NumberTypes> parse(std::string_view table, std::string& error);

  [[nodiscard]] const std::vector<std::unique_ptr<NumberType>>& types() const { return types_; }
  [[nodiscard]] const NumberType* find(std::string_view id) const;

 private:
  std::vector<std::unique_ptr<NumberType>> types_;
};

// A number of this type that begins at `at`; of several ways to read it, one whose check holds, then the longest.
std::optional<NumberMatch> match_number(const NumberType& type, std::string_view text, uint32_t at);

// The built-in table, and a part of it, so that its digest can go into the pack's.
std::string_view number_table();

}  // namespace warden::classify
