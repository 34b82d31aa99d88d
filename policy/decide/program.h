// SPDX-License-Identifier: Apache-2.0
// Program: a compiled bundle, immutable once finish() has run. Internal to policy/: policy/rules builds it,
// policy/decide runs it.
//
// The index finds the rules that can match. Each rule is filed under one condition it cannot do without (an
// exact identity, a class of data ...), chosen so that the files stay short; rules without such a condition
// are looked at every time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "policy/decide/condition.h"
#include "policy/decide/decide.h"

namespace warden::policy {

enum class Effect : uint8_t { allow, redact, block };
std::string_view name(Effect effect);

struct Rule {
  std::string id;
  Effect effect = Effect::block;
  Mode mode = Mode::enforce;
  Condition when;
  std::string message;
  std::string file;
  int line = 0, column = 0;
  bool covers_all = false;  // an allow rule without a data condition that selects
};

// Parsed and validated; counting is the agent's.
struct Limit {
  std::string id;
  Mode mode = Mode::enforce;
  std::vector<std::string> key;
  Condition when;
  struct Amount {
    std::string name;  // "tokens_per_day"
    int64_t value = 0;
  };
  std::vector<Amount> amounts;
  std::string message;
};

struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
template <class T>
using TextMap = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;
using RuleList = std::vector<uint32_t>;

class Program {
 public:
  std::string name, version, signer;
  Digest digest{};
  Defaults defaults;
  std::vector<Rule> rules;
  std::vector<Limit> limits;

  // Gives every fact its slot and files every rule. Nothing may be changed afterwards.
  void finish();

  // Fills `slots` with the facts that rules ask for, and sets in `candidates` (one bit per rule) all that can
  // match.
  void look_up_unresolved_labels(const Facts& facts, std::vector<const Fact*>& slots, std::vector<uint64_t>& candidates) const;
  void look_up(const Facts& facts, bool data_known, std::vector<const Fact*>& slots,
               std::vector<uint64_t>& candidates) const;

  [[nodiscard]] size_t slot_count() const { return slots_.size(); }

 private:
  // Rules filed under one fact: by its value, and those to look at when the fact is unresolved.
  struct File {
    TextMap<RuleList> by_value;
    RuleList unresolved;
    bool integers = false;  // values are decimal numbers
  };
  struct Key;
  void assign_slots(Condition& condition);
  void file_rules();
  void add(const Key& key, uint32_t rule);
  void look_up_fact(const File& file, const Fact& fact, std::vector<uint64_t>& candidates) const;
  void look_up_data(const Facts& facts, std::vector<uint64_t>& candidates) const;

  TextMap<uint32_t> slots_;
  std::vector<File> files_;  // one per slot
  File by_class_, by_detector_;
  RuleList always_;
};

}  // namespace warden::policy
