// SPDX-License-Identifier: Apache-2.0
// NamedScan: numbers of the number table in a text. Offered each place where a run of digits begins, it looks at the words before
// it and tries the types they name; without a label it costs a few comparisons.
#pragma once

#include <string_view>
#include <vector>

#include "policy/classify/detector.h"
#include "policy/classify/labels.h"
#include "policy/classify/pack.h"

namespace warden::classify {

struct NamedHit {
  Match match;
  DetectorIndex detector;
};

class NamedScan {
 public:
  explicit NamedScan(const CompiledPack& pack) : pack_(pack) {}
  void set_field(std::string_view name);
  void set_text(std::string_view text) { text_ = text, last_begin_ = UINT32_MAX; }
  // The best match of a value whose word holds the byte at `digit`; types tried are added to `tried`.
  bool at(uint32_t digit, NamedHit& hit, uint64_t& tried);
  // A value of `detector` right behind its label, which ends at `end`.
  bool after(uint32_t end, DetectorIndex detector, NamedHit& hit) const;

 private:
  bool weigh(const LabelHit& label, uint32_t begin, const NumberMatch& match, NamedHit& hit) const;
  bool try_from(uint32_t begin, NamedHit& hit, uint64_t& tried);

  const CompiledPack& pack_;
  std::string_view text_;
  std::vector<LabelHit> field_;
  std::vector<LabelHit> hits_;
  uint32_t last_begin_ = UINT32_MAX;  // a word is looked at once
};

}  // namespace warden::classify
