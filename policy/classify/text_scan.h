// SPDX-License-Identifier: Apache-2.0
// TextScan: finds the candidates of one view and turns those that verify into matches. One per Scanner;
// reuses its memory.
#pragma once

#include <algorithm>
#include <span>
#include <string_view>
#include <vector>

#include "policy/classify/context.h"
#include "policy/classify/named_scan.h"
#include "policy/classify/numbers.h"
#include "policy/classify/pack.h"
#include "policy/classify/people.h"

namespace warden::classify {

struct Hit {
  Match match;
  DetectorIndex detector;
  bool labelled = false;  // a word right before names the type
};

class TextScan {
 public:
  TextScan(const CompiledPack& pack, Scratch& scratch)
      : pack_(pack), scratch_(scratch), context_(pack, scratch), named_(pack) {}

  void begin_report(uint64_t candidates_max) {
    left_ = candidates_max;
    exhausted_ = failed_ = false;
  }
  // Work of the caller's that counts as candidates do. False: the budget is used up.
  bool spend(uint64_t units) {
    if (units > left_) stop();
    left_ -= std::min(units, left_);
    return !exhausted_;
  }
  // Names are lexical: that a neighbour is gone makes no new ones, so later rounds need not look.
  void look_for_names(bool on) { names_ = on; }
  void stop() { left_ = 0, exhausted_ = true; }
  void set_field(std::string_view name) { context_.set_field(name), named_.set_field(name); }
  // Matches in `text`, in its offsets; valid until the next call. `partial`: parts of a text, not the whole of it.
  const std::vector<Hit>& scan(std::string_view text, bool partial);
  // Context::named in `text`, which stays the text until the next scan.
  Context& context_of(std::string_view text, bool partial) {
    context_.set_text(text, partial);
    return context_;
  }

  // Where literals of any detector ended in the text scanned last, ascending.
  [[nodiscard]] std::span<const uint32_t> anchor_ends() const { return anchor_ends_; }
  [[nodiscard]] bool exhausted() const { return exhausted_; }
  [[nodiscard]] bool failed() const { return failed_ || context_.failed(); }

 private:
  void scan_numbers();
  void scan_windows(const DigitRun& run);
  void scan_window(const DigitRun& run, size_t first, size_t last, std::string_view digits);
  void scan_word(uint32_t at);
  void scan_named(uint32_t at);
  void scan_anchors();
  void prefer_named();
  [[nodiscard]] bool yields(const Hit& hit, const Hit& to) const;
  void scan_people();
  void drop_lone_times();
  void scan_field();
  void verify(const Candidate& candidate, DetectorIndex detector);
  void weigh(DetectorIndex detector, Match match);

  const CompiledPack& pack_;
  Scratch& scratch_;
  Context context_;
  NamedScan named_;
  PeopleScan people_;
  std::string_view text_;
  bool partial_ = false;
  std::vector<Hit> hits_;
  std::vector<LiteralHit> anchors_;
  std::vector<uint32_t> anchor_ends_;
  DigitRun run_;
  uint32_t word_end_ = 0;  // end of the last word offered, so that each is offered once
  uint64_t left_ = 0;
  bool names_ = true;
  bool exhausted_ = false;
  bool failed_ = false;
};

}  // namespace warden::classify
