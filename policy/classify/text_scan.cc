// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/text_scan.h"

#include <algorithm>
#include <array>

#include "policy/classify/chars.h"

namespace warden::classify {
namespace {

constexpr uint8_t kContraryCost = 30;
constexpr uint8_t kRivalCost = 40;
constexpr size_t kAnchorsMax = 1 << 20;
constexpr uint32_t kWordMax = 63;
constexpr size_t kOverlapMax = 64;  // readings of one number that are compared
constexpr uint8_t kLongLabel = 88;  // of a number type: a label that names nothing else

uint8_t minus(uint8_t confidence, uint8_t cost) {
  return confidence > cost ? static_cast<uint8_t>(confidence - cost) : uint8_t{0};
}

// Letters and digits alone, in upper case: the form that `Detector::examples` are written in.
bool is_example(std::string_view value, std::string_view examples) {
  if (examples.empty()) return false;
  std::array<char, 256> normal{};
  size_t size = 0;
  for (const char c : value) {
    if (!is_alnum(c)) continue;
    if (size == normal.size()) return false;
    normal[size++] = upper(c);
  }
  const std::string_view wanted(normal.data(), size);
  while (!examples.empty()) {
    const size_t bar = std::min(examples.find('|'), examples.size());
    if (equals_nocase(examples.substr(0, bar), wanted)) return true;
    examples.remove_prefix(std::min(bar + 1, examples.size()));
  }
  return false;
}

// "626F": digits and capital letters up to F, as wide as the group of digits beside it.
bool hex_word(std::string_view word, uint32_t width) {
  return word.size() == width && std::any_of(word.begin(), word.end(), is_digit) && std::any_of(word.begin(), word.end(), is_upper) &&
         std::all_of(word.begin(), word.end(), [](char c) { return is_digit(c) || (c >= 'A' && c <= 'F'); });
}

// The groups are fields of a table of code points ("6279 6273 6292 626F", "[.4300.0020.0011.0002]"), not of one number. The digits
// that a hex word begins or ends with may be the run's last or first group.
bool in_code_table(std::string_view text, const DigitRun& run) {
  const auto joint = [](char c) { return c == ' ' || c == '\n' || c == '.'; };
  const auto word = [&](uint32_t begin, uint32_t end) {
    return begin < end && end <= text.size() && !is_word(at_or_nul(text, size_t{begin} - 1)) && !is_word(at_or_nul(text, end)) ? text.substr(begin, end - begin) : std::string_view{};
  };
  const Extent first = run.groups[0].span;
  const Extent last = run.groups[run.count - 1].span;
  if (run.groups[0].joint == '.' && at_or_nul(text, size_t{first.begin} - 1) == '.' && !is_word(at_or_nul(text, size_t{first.begin} - 2))) return true;
  const bool begun = is_word(at_or_nul(text, size_t{first.begin} - 1));
  const Extent left = begun ? run.groups[1].span : first;
  const uint32_t width = left.end - left.begin;
  if (left.begin > width && joint(text[left.begin - 1]) && hex_word(word(left.begin - 1 - width, left.begin - 1), width)) return true;
  const bool ended = is_word(at_or_nul(text, last.end));
  const Extent right = ended ? run.groups[run.count - 2].span : last;
  const uint32_t wide = right.end - right.begin;
  return joint(at_or_nul(text, right.end)) && hex_word(word(right.end + 1, right.end + 1 + wide), wide);
}

bool stands_alone(std::string_view text, Extent span) {
  return !is_word(at_or_nul(text, span.begin - 1)) && !is_word(at_or_nul(text, span.end));
}

}  // namespace

const std::vector<Hit>& TextScan::scan(std::string_view text, bool partial) {
  hits_.clear();
  text_ = text;
  partial_ = partial;
  word_end_ = 0;
  context_.set_text(text, partial);
  named_.set_text(text);
  scan_numbers();
  prefer_named();
  // Labels are looked up in ascending order of candidates; the anchors begin anew.
  context_.set_text(text, partial);
  scan_anchors();
  if (!partial) scan_field();
  if (names_ && !partial) scan_people();
  drop_lone_times();
  return hits_;
}

void TextScan::weigh(DetectorIndex index, Match match) {
  const Detector& detector = *pack_.detectors[index];
  bool labelled = false;
  if (match.confidence < 90 || detector.labelled > match.confidence) {
    const Surroundings around = context_.around(match.span, index);
    labelled = around.support == Support::labelled;
    if (labelled) {
      match.confidence = std::max(match.confidence, detector.labelled);
    } else if (around.support == Support::near) {
      match.confidence = std::max(match.confidence, detector.near);
    }
    // What is certain by itself stays so whatever the words around it say.
    if (around.support != Support::labelled && match.confidence < 90) {
      if (around.contrary) match.confidence = minus(match.confidence, kContraryCost);
      if (around.rival) match.confidence = minus(match.confidence, kRivalCost);
    }
  }
  if (match.confidence < kReport) return;
  const std::string_view value = text_.substr(match.span.begin, match.span.end - match.span.begin);
  if (is_example(value, detector.examples)) match.tier = Tier::suppressed;
  hits_.push_back({match, index, labelled});
}

void TextScan::verify(const Candidate& candidate, DetectorIndex detector) {
  if (left_ == 0) {
    exhausted_ = true;
    return;
  }
  --left_;
  Match match{candidate.span, Tier::validated, 0};
  if (pack_.detectors[detector]->verify(candidate, match)) weigh(detector, match);
}

void TextScan::scan_numbers() {
  for (size_t at = next_digit_or_at(text_, 0); at < text_.size() && !exhausted_;
       at = next_digit_or_at(text_, at)) {
    if (text_[at] == '@') {
      Candidate candidate;
      candidate.text = text_;
      candidate.span = {static_cast<uint32_t>(at), static_cast<uint32_t>(at + 1)};
      for (const DetectorIndex detector : pack_.at_sign) verify(candidate, detector);
      ++at;
      continue;
    }
    read_run(text_, static_cast<uint32_t>(at), run_);
    for (size_t i = 0; i < run_.count; ++i) {
      scan_word(run_.groups[i].span.begin);
      scan_named(run_.groups[i].span.begin);
    }
    scan_windows(run_);
    at = run_.resume;
  }
}

void TextScan::scan_people() {
  for (const Extent& name : people_.scan(text_)) {
    if (!spend(1)) return;
    hits_.push_back({{name, Tier::lexical, 70}, pack_.people, false});
  }
}

// A time says something of a person only beside one: within a line's length of another finding.
void TextScan::drop_lone_times() {
  constexpr uint32_t reach = 160;
  const auto is_time = [&](const Hit& hit) { return pack_.detectors[hit.detector]->id == "phi.timestamp"; };
  std::vector<uint32_t> others;
  for (const Hit& hit : hits_) {
    if (!is_time(hit)) others.push_back(hit.match.span.begin);
  }
  std::sort(others.begin(), others.end());
  hits_.erase(std::remove_if(hits_.begin(), hits_.end(), [&](const Hit& hit) {
    if (!is_time(hit)) return false;
    const auto next = std::lower_bound(others.begin(), others.end(), hit.match.span.begin > reach ? hit.match.span.begin - reach : 0);
    return next == others.end() || *next > hit.match.span.end + reach;
  }), hits_.end());
}

// Two readings of one number: a word that names it and a check that holds beat what merely fits, and a check beats a label alone.
bool TextScan::yields(const Hit& hit, const Hit& to) const {
  const auto named = [&](const Hit& h) { return pack_.detectors[h.detector]->trigger == Trigger::named; };
  const bool covered = to.match.span.begin <= hit.match.span.begin && hit.match.span.end <= to.match.span.end;
  if (!covered || to.match.tier != Tier::validated || named(hit) == named(to)) return false;
  if (named(hit)) return hit.match.tier == Tier::asserted;
  const bool other_class = pack_.detectors[hit.detector]->data_class != pack_.detectors[to.detector]->data_class;
  return (other_class && !hit.labelled) || (to.match.confidence >= kLongLabel && to.match.span == hit.match.span);
}

void TextScan::prefer_named() {
  std::stable_sort(hits_.begin(), hits_.end(), [](const Hit& a, const Hit& b) { return a.match.span.begin < b.match.span.begin; });
  std::vector<bool> out(hits_.size());
  for (size_t i = 0; i < hits_.size(); ++i) {
    for (size_t j = i + 1; j < hits_.size() && j - i < kOverlapMax && hits_[j].match.span.begin < hits_[i].match.span.end; ++j) {
      if (yields(hits_[i], hits_[j])) out[i] = true;
      if (yields(hits_[j], hits_[i])) out[j] = true;
    }
  }
  size_t kept = 0;
  for (size_t i = 0; i < hits_.size(); ++i) {
    if (!out[i]) hits_[kept++] = hits_[i];
  }
  hits_.resize(kept);
}

void TextScan::scan_named(uint32_t at) {
  NamedHit hit;
  uint64_t tried = 0;
  if (named_.at(at, hit, tried)) hits_.push_back({hit.match, hit.detector, true});
  spend(tried);
}

void TextScan::scan_word(uint32_t at) {
  if (at < word_end_) return;
  uint32_t begin = at;
  uint32_t end = at;
  while (begin > 0 && at - begin < kWordMax && is_alnum(text_[begin - 1])) --begin;
  while (end < text_.size() && end - begin <= kWordMax && is_alnum(text_[end])) ++end;
  word_end_ = end;
  const std::string_view word = text_.substr(begin, end - begin);
  if (word.size() >= pack_.by_length.size() || pack_.by_length[word.size()].empty()) return;
  if (std::none_of(word.begin(), word.end(), is_alpha)) return;
  Candidate candidate;
  candidate.text = text_;
  candidate.span = {begin, end};
  for (const DetectorIndex detector : pack_.by_length[word.size()]) verify(candidate, detector);
}

void TextScan::scan_windows(const DigitRun& run) {
  std::array<char, kWindowDigitsMax> digits{};
  const bool table = run.count > 1 && in_code_table(text_, run);
  for (size_t first = 0; first < run.count && !exhausted_; ++first) {
    size_t count = 0;
    for (size_t last = first; last < (table ? first + 1 : run.count); ++last) {
      const Extent group = run.groups[last].span;
      if (count + (group.end - group.begin) > digits.size()) break;
      std::copy(text_.begin() + group.begin, text_.begin() + group.end,
                digits.begin() + static_cast<ptrdiff_t>(count));
      count += group.end - group.begin;
      if (!pack_.by_digits[count].empty()) scan_window(run, first, last, {digits.data(), count});
    }
  }
}

void TextScan::scan_window(const DigitRun& run, size_t first, size_t last, std::string_view digits) {
  std::array<uint8_t, kWindowDigitsMax> sizes{};
  Candidate candidate;
  candidate.text = text_;
  candidate.span = {run.groups[first].span.begin, run.groups[last].span.end};
  candidate.digits = digits;
  candidate.separator = first == last ? '\0' : run.groups[first].joint;
  for (size_t i = first; i <= last; ++i) {
    sizes[i - first] = static_cast<uint8_t>(run.groups[i].span.end - run.groups[i].span.begin);
    if (i < last && run.groups[i].joint != candidate.separator) candidate.separator = kMixed;
  }
  candidate.groups = {sizes.data(), last - first + 1};
  const auto size_of = [&](size_t i) {
    return static_cast<uint8_t>(std::min(255u, run.groups[i].span.end - run.groups[i].span.begin));
  };
  if (first > 0) candidate.before = size_of(first - 1);
  if (last + 1 < run.count) candidate.after = size_of(last + 1);
  for (const DetectorIndex detector : pack_.by_digits[digits.size()]) verify(candidate, detector);
}

void TextScan::scan_anchors() {
  anchors_.clear();
  const auto outcome =
      pack_.anchor_set->scan(text_, scratch_, std::min<uint64_t>(kAnchorsMax, left_), anchors_);
  anchor_ends_.clear();
  for (const LiteralHit& hit : anchors_) anchor_ends_.push_back(hit.end);
  if (outcome == Literals::Outcome::too_many_hits) exhausted_ = true;
  if (outcome == Literals::Outcome::engine_error) failed_ = true;
  Candidate candidate;
  candidate.text = text_;
  for (const LiteralHit& hit : anchors_) {
    const Anchor& anchor = pack_.anchors[hit.id];
    candidate.span = {hit.end - anchor.size, hit.end};
    if (pack_.detectors[anchor.detector]->trigger == Trigger::named) {
      NamedHit named;
      if (stands_alone(text_, candidate.span) && named_.after(hit.end, anchor.detector, named)) hits_.push_back({named.match, named.detector, true});
      if (!spend(1)) return;
      continue;
    }
    verify(candidate, anchor.detector);
    if (exhausted_) return;
  }
}

void TextScan::scan_field() {
  for (const DetectorIndex detector : context_.field_detectors()) {
    if (pack_.detectors[detector]->trigger != Trigger::keyword || text_.empty()) continue;
    Candidate candidate;
    candidate.text = text_;
    candidate.span = {0, static_cast<uint32_t>(text_.size())};
    candidate.field = true;
    verify(candidate, detector);
  }
}

}  // namespace warden::classify
