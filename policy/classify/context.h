// SPDX-License-Identifier: Apache-2.0
// Context: what the words around a candidate say. Words are looked for lazily, only near candidates, and each
// byte at most once, so that clean text costs nothing and dense text no more than one more pass.
#pragma once

#include <string_view>
#include <vector>

#include "policy/classify/pack.h"

namespace warden::classify {

enum class Support : uint8_t { none, near, labelled };

struct Surroundings {
  Support support = Support::none;
  bool rival = false;     // a label right before names another type
  bool contrary = false;  // a word right before names something that is no personal data
};

class Context {
 public:
  Context(const CompiledPack& pack, Scratch& scratch) : pack_(pack), scratch_(scratch) {}
  void set_field(
      std::string_view name);  // the segment's field name; detectors it names are in field_detectors()
  // `partial`: a part of a longer text, of which a field's name says less.
  void set_text(std::string_view text, bool partial);
  Surroundings around(Extent span, DetectorIndex detector);
  // A word for some detector's type stands close before `at`, or names the whole text. Ask in ascending order.
  bool named(uint32_t at);
  [[nodiscard]] const std::vector<DetectorIndex>& field_detectors() const { return field_; }
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  struct Word {
    Extent span;
    uint32_t id;
  };
  void cover(uint32_t begin, uint32_t end);
  void scan(std::string_view text, uint32_t begin, uint32_t end, std::vector<Word>& words);
  [[nodiscard]] bool names(uint32_t word, DetectorIndex detector) const;
  [[nodiscard]] bool adjoins(uint32_t label_end, uint32_t value_begin) const;

  const CompiledPack& pack_;
  Scratch& scratch_;
  std::string_view text_;
  std::vector<DetectorIndex> field_;
  bool field_contrary_ = false;
  bool field_text_ = false;  // the text is short enough to be what the field's name says
  bool field_rival_ = false;
  std::vector<Word> words_;  // ordered by end
  uint32_t covered_ = 0;     // words of text_ are known up to here, from wherever candidates began
  std::vector<LiteralHit> hits_;
  bool failed_ = false;
};

}  // namespace warden::classify
