// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/labels.h"

#include <algorithm>
#include <array>

#include "policy/classify/chars.h"

namespace warden::classify {
namespace {

constexpr uint64_t kSeed = 0xCBF29CE484222325, kPrime = 0x100000001B3;  // FNV-1a
constexpr uint32_t kLabelMax = 96;    // bytes of text that a label may span
constexpr uint32_t kGapMax = 12;      // punctuation and blanks between a label, fillers and the value
constexpr int kFillersMax = 3;
constexpr uint32_t kAsideMax = 160;   // of a bracketed explanation between label and value

uint64_t add_byte(uint64_t hash, char c) { return (hash ^ static_cast<unsigned char>(lower(c))) * kPrime; }

size_t begun_at(uint64_t hash) { return hash >> 46; }

// Over these no label reaches.
constexpr auto kEndsLabel = [] {
  std::array<bool, 256> table{};
  for (const char c : std::string_view(":;|{}<>=\"\t\n,")) table[static_cast<unsigned char>(c)] = true;
  return table;
}();

bool starts_word(std::string_view text, uint32_t at) {
  if (at == 0) return true;
  const char before = text[at - 1];
  return !is_word(before) || (is_lower(before) && is_upper(text[at]));
}

constexpr std::string_view kFillers[] = {"no", "nr", "num", "number", "numero", "is", "was", "of", "the", "id", "value", "my", "es", "ist", "de", "code", "est", "nummer", "n", "º", "№"};

bool filler(std::string_view word) {
  constexpr size_t kLongest = 6;
  return word.size() <= kLongest && std::any_of(std::begin(kFillers), std::end(kFillers), [&](std::string_view f) { return equals_nocase(f, word); });
}

// The bracket that `close` (just behind a ')') closes, or 0.
uint32_t opening(std::string_view text, uint32_t close) {
  int depth = 0;
  for (uint32_t at = close; at > 0 && close - at < kAsideMax; --at) {
    const char c = text[at - 1];
    if (c == '\n') return 0;
    if (c == ')') ++depth;
    if (c == '(' && --depth == 0) return at - 1;
  }
  return 0;
}

}  // namespace

void LabelIndex::add(std::string_view label, uint16_t type) {
  uint64_t hash = kSeed;
  uint16_t size = 0;
  for (size_t i = label.size(); i-- > 0;) {
    if (!is_word(label[i])) continue;
    hash = add_byte(hash, label[i]);
    begun_.set(begun_at(hash));
    ++size;
  }
  if (size < 2) return;
  auto& named = labels_[hash];
  const auto known = [&](const LabelHit& hit) { return hit.type == type; };
  if (std::none_of(named.begin(), named.end(), known)) named.push_back({type, size});
}

void LabelIndex::ending_at(std::string_view text, uint32_t end, std::vector<LabelHit>& hits) const {
  uint64_t hash = kSeed;
  uint32_t count = 0;
  for (uint32_t at = end; at > 0 && end - at < kLabelMax; --at) {
    const char c = text[at - 1];
    if (!is_word(c)) {
      if (kEndsLabel[static_cast<unsigned char>(c)]) return;
      continue;
    }
    hash = add_byte(hash, c);
    if (!begun_[begun_at(hash)]) return;
    if (++count < 2 || !starts_word(text, at - 1)) continue;
    const auto found = labels_.find(hash);
    if (found != labels_.end()) hits.insert(hits.end(), found->second.begin(), found->second.end());
  }
}

void LabelIndex::before(std::string_view text, uint32_t at, std::vector<LabelHit>& hits) const {
  uint32_t gap = 0;
  bool sign = false;  // "label: value"; without it two letters are a word like any other
  const size_t known = hits.size();
  const auto drop_short = [&] {
    if (!sign) hits.erase(std::remove_if(hits.begin() + static_cast<ptrdiff_t>(known), hits.end(), [](const LabelHit& hit) { return hit.size <= 2; }), hits.end());
  };
  for (int fillers = 0; fillers <= kFillersMax; ++fillers) {
    while (at > 0 && !is_word(text[at - 1])) {
      const char c = text[at - 1];
      sign = sign || c == ':' || c == '=' || c == '|' || c == '#' || c == '>';
      if (++gap > kGapMax || c == '\n' || c == ';' || c == '?' || c == '!' || c == ']') return;  // "]": a redaction token's words say nothing
      if (c == ')') {
        uint32_t outside = opening(text, at);
        while (outside > 0 && !is_word(text[outside - 1])) --outside;
        if (outside > 0) ending_at(text, outside, hits);
      }
      --at;
    }
    if (at == 0) return;
    ending_at(text, at, hits);
    drop_short();
    uint32_t begin = at;
    while (begin > 0 && at - begin < 16 && is_word(text[begin - 1])) --begin;
    if (!filler(text.substr(begin, at - begin))) return;
    at = begin;
  }
}

void LabelIndex::in_name(std::string_view name, std::vector<LabelHit>& hits) const {
  const auto size = static_cast<uint32_t>(std::min<size_t>(name.size(), kLabelMax));
  for (uint32_t end = 2; end <= size; ++end) {
    const char next = at_or_nul(name, end);
    const bool word_ends = !is_word(next) || (is_lower(name[end - 1]) && is_upper(next)) || is_digit(next);
    if (is_word(name[end - 1]) && word_ends) ending_at(name, end, hits);
  }
}

}  // namespace warden::classify
