// SPDX-License-Identifier: Apache-2.0
#include "policy/decide/program.h"

#include <algorithm>
#include <charconv>

namespace warden::policy {

std::string_view name(Effect effect) {
  switch (effect) {
    case Effect::allow:
      return "allow";
    case Effect::redact:
      return "redact";
    case Effect::block:
      return "block";
  }
  return "";
}

// What a rule can be filed under: the values of which one must be there for its condition not to be false.
struct Program::Key {
  enum class Where : uint8_t { fact, data_class, detector } where = Where::fact;
  uint32_t slot = 0;
  bool integers = false;
  std::vector<std::string> values;
};

namespace {

std::string_view digits(int64_t number, char (&buffer)[24]) {
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, number);
  return {buffer, static_cast<size_t>(end - buffer)};
}

void set(std::vector<uint64_t>& bits, const RuleList& rules) {
  for (const uint32_t rule : rules) bits[rule / 64] |= uint64_t{1} << (rule % 64);
}

void set_found(std::vector<uint64_t>& bits, const TextMap<RuleList>& by_value, std::string_view value) {
  if (const auto at = by_value.find(value); at != by_value.end()) set(bits, at->second);
}

// Walks the conditions that all must hold.
template <class Visit>
void each_conjunct(const Condition& condition, const Visit& visit) {
  if (condition.kind != Condition::Kind::all) return visit(condition);
  for (const Condition& part : condition.parts) each_conjunct(part, visit);
}

}  // namespace

void Program::assign_slots(Condition& condition) {
  if (condition.kind == Condition::Kind::fact) {
    const auto [at, added] = slots_.try_emplace(condition.fact.fact, static_cast<uint32_t>(slots_.size()));
    condition.fact.slot = at->second;
  }
  for (Condition& part : condition.parts) assign_slots(part);
}

void Program::finish() {
  slots_.clear();
  for (Rule& rule : rules) {
    assign_slots(rule.when);
    rule.covers_all = rule.effect == Effect::allow && !has_positive_data(rule.when);
  }
  for (Limit& limit : limits) assign_slots(limit.when);
  files_.assign(slots_.size(), {});
  file_rules();
}

void Program::file_rules() {
  std::vector<std::vector<Key>> choices(rules.size());
  std::unordered_map<std::string, size_t> uses;  // how often a value is asked for
  const auto mark = [](const Key& key, const std::string& value) {
    return std::to_string(static_cast<int>(key.where)) + ':' + std::to_string(key.slot) + ':' + value;
  };
  for (size_t i = 0; i < rules.size(); ++i) {
    each_conjunct(rules[i].when, [&](const Condition& part) {
      Key key;
      if (part.kind == Condition::Kind::fact && part.fact.kind == FactTest::Kind::texts &&
          part.fact.texts.globs.empty()) {
        key = {Key::Where::fact, part.fact.slot, false, part.fact.texts.exact};
      } else if (part.kind == Condition::Kind::fact && part.fact.kind == FactTest::Kind::integers) {
        key = {Key::Where::fact, part.fact.slot, true, {}};
        for (const int64_t number : part.fact.integers) key.values.push_back(std::to_string(number));
      } else if (part.kind == Condition::Kind::data && part.data.count.low >= 1 &&
                 !part.data.classes.empty()) {
        key = {Key::Where::data_class, 0, false, part.data.classes};
      } else if (part.kind == Condition::Kind::data && part.data.count.low >= 1 &&
                 !part.data.detectors.empty() && part.data.detectors.globs.empty()) {
        key = {Key::Where::detector, 0, false, part.data.detectors.exact};
      } else {
        return;
      }
      for (const std::string& value : key.values) ++uses[mark(key, value)];
      choices[i].push_back(std::move(key));
    });
  }
  for (uint32_t i = 0; i < rules.size(); ++i) {
    const auto crowd = [&](const Key& key) {
      size_t most = 0;
      for (const std::string& value : key.values) most = std::max(most, uses[mark(key, value)]);
      return most;
    };
    const auto best = std::ranges::min_element(choices[i], {}, crowd);
    if (best == choices[i].end()) {
      always_.push_back(i);
    } else {
      add(*best, i);
    }
  }
}

void Program::add(const Key& key, uint32_t rule) {
  File& file = key.where == Key::Where::fact         ? files_[key.slot]
               : key.where == Key::Where::data_class ? by_class_
                                                     : by_detector_;
  file.integers = key.integers;
  for (const std::string& value : key.values) file.by_value[value].push_back(rule);
  // Unknown never satisfies an allow, so an allow rule need not be looked at when what it needs is
  // unresolved.
  if (rules[rule].effect != Effect::allow) file.unresolved.push_back(rule);
}

void Program::look_up_fact(const File& file, const Fact& fact, std::vector<uint64_t>& candidates) const {
  if (file.by_value.empty() || std::holds_alternative<Absent>(fact)) return;
  if (const auto* text = std::get_if<std::string>(&fact); text != nullptr && !file.integers)
    return set_found(candidates, file.by_value, *text);
  if (const auto* number = std::get_if<int64_t>(&fact); number != nullptr && file.integers) {
    char buffer[24];
    return set_found(candidates, file.by_value, digits(*number, buffer));
  }
  if (const auto* list = std::get_if<Texts>(&fact); list != nullptr && !file.integers) {
    for (const std::string& text : *list) set_found(candidates, file.by_value, text);
    return;
  }
  set(candidates, file.unresolved);  // not resolved, or of a type that makes every condition on it unknown
}

void Program::look_up_data(const Facts& facts, std::vector<uint64_t>& candidates) const {
  std::string_view last_class;
  for (const DataFact& row : facts.data) {
    if (!by_detector_.by_value.empty()) set_found(candidates, by_detector_.by_value, row.detector);
    if (row.data_class == last_class) continue;
    last_class = row.data_class;
    // A class and everything above it: pii.gov, pii.
    for (std::string_view above = last_class; !above.empty();) {
      set_found(candidates, by_class_.by_value, above);
      const size_t dot = above.rfind('.');
      above = dot == std::string_view::npos ? std::string_view{} : above.substr(0, dot);
    }
  }
}

// Where "identity.pod.label" as a whole is unresolved, so is each label that a rule asks for.
void Program::look_up_unresolved_labels(const Facts& facts, std::vector<const Fact*>& slots,
                                        std::vector<uint64_t>& candidates) const {
  for (const std::string_view labels : {"identity.container.label", "identity.pod.label"}) {
    const Fact& whole = facts.get(labels);
    if (!std::holds_alternative<Unresolved>(whole)) continue;
    for (const auto& [fact_name, slot] : slots_) {
      if (!fact_name.starts_with(labels) || slots[slot] != nullptr) continue;
      slots[slot] = &whole;
      look_up_fact(files_[slot], whole, candidates);
    }
  }
}

void Program::look_up(const Facts& facts, bool data_known, std::vector<const Fact*>& slots,
                      std::vector<uint64_t>& candidates) const {
  slots.assign(slots_.size(), nullptr);
  candidates.assign((rules.size() + 63) / 64, 0);
  set(candidates, always_);
  for (const auto& [fact_name, fact] : facts.all()) {
    const auto at = slots_.find(std::string_view(fact_name));
    if (at == slots_.end()) continue;
    slots[at->second] = &fact;
    look_up_fact(files_[at->second], fact, candidates);
  }
  look_up_unresolved_labels(facts, slots, candidates);
  if (data_known) {
    look_up_data(facts, candidates);
  } else {
    set(candidates, by_class_.unresolved);
    set(candidates, by_detector_.unresolved);
  }
}

}  // namespace warden::policy
