// SPDX-License-Identifier: Apache-2.0
// Detector: one row of a table in detectors/. A new detector is one row, its verifier, and test cases;
// nothing else in the engine names a detector. The engine finds candidates by the row's trigger, the verifier
// finds exact bounds and checks the value, the engine then weighs labels and key words around it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "policy/classify/finding.h"
#include "policy/classify/view.h"

namespace warden::classify {

enum class Trigger : uint8_t {
  number,   // a window of digit groups whose digit count is in `lengths`
  word,     // an alphanumeric run holding a digit and a letter whose length is in `lengths`
  at_sign,  // '@'
  literal,  // one of `anchors`, case-sensitive unless `caseless`
  named,    // a number of the number table, which has its own rows (number_types.h)
  people,   // names in running text (people.h), one row
  keyword,  // one of `labels` in the text, or as the segment's field name (then Candidate::field is set)
};

constexpr char kMixed = '*';  // Candidate::separator of groups joined in different ways

struct Candidate {
  std::string_view text;    // the whole view
  Extent span;              // number: the window; word: the run; at_sign, literal, keyword: the anchor
  std::string_view digits;  // number: the digits alone
  std::span<const uint8_t> groups;  // number: digits per group
  char separator = '\0';            // number: between all groups; '\0' with one group
  uint8_t before = 0;               // number: digits of the group right before, joined by the same separator
  uint8_t after = 0;                //         and right after
  bool field = false;               // keyword: the field name is the anchor, the value is the whole text
};

struct Match {
  Extent span;
  Tier tier = Tier::validated;
  uint8_t confidence = 0;  // without any context; under kReport it needs a label or a key word
};

constexpr uint8_t kReport = 50;  // confidence from which a match is a finding

// True when the candidate has the shape; `match` comes in with the candidate's span, tier validated and
// confidence 0.
using Verify = bool (*)(const Candidate&, Match&);

struct Detector {
  std::string_view id;
  std::string_view data_class;
  Trigger trigger;
  Verify verify;
  uint64_t lengths = 0;  // bit n: n digits or characters
  std::string_view labels =
      {};  // words that name the type, '|' between; a space also matches '_', '-', '.' or nothing
  std::string_view anchors = {};  // Trigger::literal, '|' between
  std::string_view examples =
      {};                // documented example values, normalised (letters and digits only), '|' between
  uint8_t near = 0;      // confidence with a key word within 64 bytes before or 32 after
  uint8_t labelled = 0;  // confidence with a label directly before, or as the field's name
  bool caseless = false;  // Trigger::literal: `anchors` in any case
};

constexpr uint64_t lengths(unsigned from, unsigned to) {
  uint64_t bits = 0;
  for (unsigned i = from; i <= to; ++i) bits |= uint64_t{1} << i;
  return bits;
}

}  // namespace warden::classify
