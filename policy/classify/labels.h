// SPDX-License-Identifier: Apache-2.0
// LabelIndex: which number types the words right before a value name. "NIT (Número de Identificación): 12", "nit_number = 12" and
// "NIT no. 12" all name the type labelled "nit". Upper and lower case, spaces and punctuation make no difference.
#pragma once

#include <bitset>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace warden::classify {

struct LabelHit {
  uint16_t type;
  uint16_t size;   // of the label: the longer, the surer
};

class LabelIndex {
 public:
  void add(std::string_view label, uint16_t type);
  // Appends what is named before `at`, a value's first byte.
  void before(std::string_view text, uint32_t at, std::vector<LabelHit>& hits) const;
  // Appends what a field's name ends with or holds.
  void in_name(std::string_view name, std::vector<LabelHit>& hits) const;

 private:
  void ending_at(std::string_view text, uint32_t end, std::vector<LabelHit>& hits) const;

  std::unordered_map<uint64_t, std::vector<LabelHit>> labels_;  // by hash of the folded label, read backwards
  std::bitset<1 << 18> begun_;                                  // by hash: any beginning of a label, read backwards
};

}  // namespace warden::classify
