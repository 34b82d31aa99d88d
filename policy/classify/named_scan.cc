// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/named_scan.h"

#include <algorithm>
#include <tuple>

#include "policy/classify/byte_set.h"
#include "policy/classify/chars.h"

namespace warden::classify {
namespace {

constexpr uint32_t kWordMax = 40;
constexpr int kLeadsMax = 2;  // short words before the digits that may belong to the value ("ES B 583...")
constexpr uint32_t kFieldText = 64;
constexpr uint32_t kAfterGap = 8;

uint8_t confidence(uint16_t label) { return static_cast<uint8_t>(std::min(85 + label / 3, 98)); }

uint32_t word_begin(std::string_view text, uint32_t at) {
  uint32_t begin = at;
  while (begin > 0 && at - begin < kWordMax && is_alnum(text[begin - 1])) --begin;
  return begin;
}

constexpr ByteSet kLeads(" -./(:+");

// Where a short word of letters begins that stands one or two separators before `at`; `at` when there is none.
uint32_t lead(std::string_view text, uint32_t at) {
  uint32_t end = at;
  while (end > 0 && at - end < 3 && kLeads.contains(text[end - 1])) --end;
  if (end == at) return at;
  uint32_t begin = end;
  while (begin > 0 && end - begin < 6 && is_alpha(text[begin - 1])) --begin;
  const bool short_word = begin < end && end - begin < 6 && !is_word(at_or_nul(text, begin - 1));
  return short_word ? begin : at;
}

}  // namespace

void NamedScan::set_field(std::string_view name) {
  field_.clear();
  if (!name.empty()) pack_.number_labels.in_name(name, field_);
}

bool NamedScan::weigh(const LabelHit& label, uint32_t begin, const NumberMatch& match, NamedHit& hit) const {
  const NumberType& type = *pack_.numbers.types()[label.type];
  if (!match.checked && type.tier != Tier::validated) return false;
  hit.detector = static_cast<DetectorIndex>(pack_.first_number + label.type);
  hit.match.span = {begin, match.end};
  hit.match.tier = match.checked ? type.tier : Tier::asserted;
  hit.match.confidence = match.checked ? confidence(label.size) : 60;
  return true;
}

bool NamedScan::after(uint32_t end, DetectorIndex detector, NamedHit& hit) const {
  const LabelHit label{static_cast<uint16_t>(detector - pack_.first_number), 8};
  uint32_t at = end;
  while (at < text_.size() && at - end < kAfterGap && !is_word(text_[at]) && text_[at] != '\n') ++at;
  if (at == end) return false;
  const auto match = match_number(*pack_.numbers.types()[label.type], text_, at);
  return match && match->checked && weigh(label, at, *match, hit);
}

bool NamedScan::try_from(uint32_t begin, NamedHit& hit, uint64_t& tried) {
  hits_.clear();
  pack_.number_labels.before(text_, begin, hits_);
  if (hits_.empty() && text_.size() <= kFieldText && begin <= 2) hits_ = field_;
  if (hits_.empty()) return false;
  std::sort(hits_.begin(), hits_.end(), [](const LabelHit& a, const LabelHit& b) { return std::tie(b.size, a.type) < std::tie(a.size, b.type); });
  bool found = false;
  auto best = std::make_tuple(false, uint16_t{0}, false, uint32_t{0});
  for (const LabelHit& label : hits_) {
    ++tried;
    const NumberType& type = *pack_.numbers.types()[label.type];
    const auto match = match_number(type, text_, begin);
    NamedHit one;
    if (!match || !weigh(label, begin, *match, one)) continue;
    // A check that holds, then the more specific label, then a check digit rather than a shape.
    const auto rank = std::make_tuple(match->checked, label.size, type.tier == Tier::validated, match->end);
    if (found && rank <= best) continue;
    best = rank;
    found = true;
    hit = one;
  }
  return found;
}

bool NamedScan::at(uint32_t digit, NamedHit& hit, uint64_t& tried) {
  uint32_t begin = word_begin(text_, digit);
  if (begin == last_begin_) return false;
  last_begin_ = begin;
  std::array<uint32_t, kLeadsMax + 1> begins{};
  size_t count = 0;
  begins[count++] = begin;
  while (count < begins.size()) {
    const uint32_t before = lead(text_, begin);
    if (before == begin) break;
    begins[count++] = begin = before;
  }
  // Letters of other scripts may belong to the value, too, or stand before it without a blank.
  bool found = false;
  if (begin > 0 && is_word(text_[begin - 1])) {
    uint32_t wide = begin;
    while (wide > 0 && begin - wide < 8 && is_word(text_[wide - 1])) --wide;
    begins[count == begins.size() ? count - 1 : count++] = wide;
  }
  for (size_t i = count; i-- > 0;) {
    NamedHit one;
    if (!try_from(begins[i], one, tried)) continue;
    if (!found || one.match.confidence > hit.match.confidence) hit = one;
    found = true;
  }
  return found;
}

}  // namespace warden::classify
