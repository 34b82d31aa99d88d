// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/context.h"

#include <algorithm>

#include "policy/classify/chars.h"

namespace warden::classify {
namespace {

constexpr uint32_t kBefore = 64;
constexpr uint32_t kAfter = 32;
constexpr uint32_t kMargin = 40;    // a word may begin this far before the window
constexpr uint32_t kLabelGap = 28;  // punctuation and filler between a label and its value
constexpr uint32_t kFieldText =
    256;  // a longer value is prose: its field's name says less about a part of it
constexpr size_t kHitsMax = 1 << 16;

// camelCase counts as a boundary: customerSsn, ssnHash.
bool starts_token(std::string_view text, uint32_t begin) {
  if (begin == 0) return true;
  const char before = text[begin - 1];
  return !is_word(before) || (is_lower(before) && is_upper(text[begin])) || is_digit(before);
}

bool ends_token(std::string_view text, uint32_t end) {
  if (end >= text.size()) return true;
  const char after = text[end];
  const bool plural = after == 's' && !is_word(at_or_nul(text, end + 1));
  return !is_word(after) || is_digit(after) || plural || (is_lower(text[end - 1]) && is_upper(after));
}

// Inside a redaction token ("[PII:PII_PHONE_E164#k3f9a2]") words are ours and say nothing about what stands
// beside it.
bool in_token(std::string_view text, uint32_t begin, uint32_t end) {
  const auto inner = [](char c) { return is_upper(c) || is_digit(c) || c == '_' || c == ':'; };
  while (begin > 0 && end - begin < 64 && inner(text[begin - 1])) --begin;
  while (end < text.size() && end - begin < 64 && inner(text[end])) ++end;
  return begin > 0 && text[begin - 1] == '[' && at_or_nul(text, end) == '#' &&
         at_or_nul(text, end + 7) == ']';
}

constexpr std::string_view kFillers[] = {"no",  "nr",  "num", "number", "is",    "was", "of",
                                         "the", "id",  "to",  "val",    "value", "n",   "my",
                                         "es",  "ist", "de",  "code",   "nbr",   "are"};

bool filler(std::string_view word) {
  return std::any_of(std::begin(kFillers), std::end(kFillers),
                     [&](std::string_view f) { return equals_nocase(f, word); });
}

}  // namespace

void Context::scan(std::string_view text, uint32_t begin, uint32_t end, std::vector<Word>& words) {
  hits_.clear();
  const auto outcome = pack_.word_set->scan(text.substr(begin, end - begin), scratch_, kHitsMax, hits_);
  if (outcome == Literals::Outcome::engine_error) failed_ = true;
  for (const LiteralHit& hit : hits_) {
    const uint32_t word_end = begin + hit.end;
    const uint32_t word_begin = word_end - pack_.words[hit.id].size;
    if (!starts_token(text, word_begin) || !ends_token(text, word_end) ||
        in_token(text, word_begin, word_end))
      continue;
    words.push_back({{word_begin, word_end}, hit.id});
  }
}

void Context::set_field(std::string_view name) {
  field_.clear();
  field_contrary_ = field_rival_ = false;
  std::vector<Word> words;
  scan(name, 0, static_cast<uint32_t>(name.size()), words);
  for (const Word& word : words) {
    const auto& named = pack_.words[word.id].detectors;
    if (pack_.words[word.id].rival) field_rival_ = true;
    field_.insert(field_.end(), named.begin(), named.end());
    if (named.empty()) field_contrary_ = true;
  }
  std::sort(field_.begin(), field_.end());
  field_.erase(std::unique(field_.begin(), field_.end()), field_.end());
}

void Context::set_text(std::string_view text, bool partial) {
  text_ = text;
  field_text_ = !partial && text.size() <= kFieldText;
  words_.clear();
  covered_ = 0;
}

void Context::cover(uint32_t begin, uint32_t end) {
  if (end <= covered_) return;
  // Overlap what was covered by a word's length, so that one across the seam is seen; its twin is dropped
  // below.
  const uint32_t from = begin > covered_ ? begin : (covered_ > kMargin ? covered_ - kMargin : 0);
  const uint32_t known = begin > covered_ ? 0 : covered_;
  const size_t old_size = words_.size();
  scan(text_, from, end, words_);
  const auto fresh = words_.begin() + static_cast<ptrdiff_t>(old_size);
  words_.erase(std::remove_if(fresh, words_.end(), [&](const Word& w) { return w.span.end <= known; }),
               words_.end());
  covered_ = end;
}

bool Context::names(uint32_t word, DetectorIndex detector) const {
  const auto& named = pack_.words[word].detectors;
  return std::find(named.begin(), named.end(), detector) != named.end();
}

bool Context::adjoins(uint32_t label_end, uint32_t value_begin) const {
  if (value_begin < label_end || value_begin - label_end > kLabelGap) return false;
  for (uint32_t at = label_end; at < value_begin;) {
    const char c = text_[at];
    if (!is_word(c)) {
      if (c == '\n' || c == '\f' || c == ';' || c == '?' || c == '!') return false;
      ++at;
      continue;
    }
    uint32_t end = at;
    while (end < value_begin && is_word(text_[end])) ++end;
    if (!filler(text_.substr(at, end - at)) && !(at == label_end && end == at + 1 && c == 's')) return false;
    at = end;
  }
  return true;
}

Surroundings Context::around(Extent span, DetectorIndex detector) {
  Surroundings found;
  const auto size = static_cast<uint32_t>(text_.size());
  cover(span.begin > kBefore + kMargin ? span.begin - kBefore - kMargin : 0,
        std::min(size, span.end + kAfter));
  if (std::binary_search(field_.begin(), field_.end(), detector)) {
    found.support = field_text_ ? Support::labelled : Support::near;
  } else if (field_text_) {
    found.rival = field_rival_;
    found.contrary = field_contrary_;
  }
  const auto after = std::partition_point(words_.begin(), words_.end(),
                                          [&](const Word& w) { return w.span.end <= span.begin; });
  uint32_t nearest = 0;  // end of the label directly before that is closest to the value
  for (auto word = after; word != words_.begin();) {
    --word;
    if (word->span.end + kBefore < span.begin) break;
    const bool own = names(word->id, detector);
    if (own && found.support == Support::none) found.support = Support::near;
    if (word->span.end < nearest || !adjoins(word->span.end, span.begin)) continue;
    // A field's name that holds text says nothing of a number behind it ("change the part number to ...").
    if (!own && !pack_.words[word->id].rival && !pack_.words[word->id].detectors.empty()) continue;
    nearest = word->span.end;
    if (own) {
      found.support = Support::labelled;
      found.rival = found.contrary = false;
    } else if (found.support != Support::labelled) {
      found.rival = found.rival || pack_.words[word->id].rival;
      found.contrary = found.contrary || pack_.words[word->id].detectors.empty();
    }
  }
  for (auto word = after; word != words_.end() && found.support == Support::none; ++word) {
    if (word->span.begin > span.end + kAfter) break;
    if (word->span.begin >= span.end && names(word->id, detector)) found.support = Support::near;
  }
  return found;
}

bool Context::named(uint32_t at) {
  if (field_text_ && !field_.empty()) return true;
  cover(at > kBefore + kMargin ? at - kBefore - kMargin : 0, at);
  for (auto word = words_.end(); word != words_.begin();) {
    --word;
    if (word->span.end + kBefore < at) return false;
    if (word->span.end <= at && !pack_.words[word->id].detectors.empty()) return true;
  }
  return false;
}

}  // namespace warden::classify
