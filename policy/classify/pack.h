// SPDX-License-Identifier: Apache-2.0
// CompiledPack: the detector tables indexed by trigger, and the two literal sets: anchors (looked for in
// every byte) and words (labels and key words, looked for only around candidates). Immutable after load.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "policy/classify/detector.h"
#include "policy/classify/engine.h"
#include "policy/classify/labels.h"
#include "policy/classify/literals.h"
#include "policy/classify/number_types.h"

namespace warden::classify {

using DetectorIndex = uint16_t;

struct Anchor {
  DetectorIndex detector;
  uint16_t size;
};

// A label or key word and the detectors it speaks for; one with none speaks against ("order id", "commit").
struct ContextWord {
  uint16_t size;
  std::vector<DetectorIndex> detectors;
  bool rival = false;  // names a number or a secret: a value behind it is no other number
};

class CompiledPack final : public Pack {
 public:
  static Result<std::shared_ptr<const Pack>, PackError> build();
  [[nodiscard]] const Digest& digest() const override { return digest_; }
  [[nodiscard]] bool knows_detector(std::string_view id) const override;
  [[nodiscard]] bool knows_class(std::string_view name) const override;

  // A word that labels are made of, in lower case.
  [[nodiscard]] bool is_label_word(const std::string& word) const { return label_words.contains(word); }

  std::vector<const Detector*> detectors;
  std::vector<uint8_t> ranks;  // by detector: its class's place in overlap resolution, lower wins
  std::array<std::vector<DetectorIndex>, 64> by_digits;
  std::array<std::vector<DetectorIndex>, 64> by_length;
  std::vector<DetectorIndex> at_sign;
  std::vector<Anchor> anchors;
  std::vector<ContextWord> words;
  std::unordered_set<std::string> label_words;
  std::unique_ptr<Literals> anchor_set;
  std::unique_ptr<Literals> word_set;
  NumberTypes numbers;  // detectors[first_number + i] stands for numbers.types()[i]
  LabelIndex number_labels;
  DetectorIndex first_number = 0;
  DetectorIndex people = 0;  // the row of Trigger::people

 private:
  void index(const Detector& detector);
  bool add_numbers(std::string& error, std::vector<Literal>& anchors);
  std::vector<Detector> number_rows_;
  Digest digest_{};
};

// Place of a data class among overlapping findings; classes the policy does not know have none (255).
uint8_t class_rank(std::string_view data_class);

}  // namespace warden::classify
