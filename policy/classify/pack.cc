// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/pack.h"

#include <algorithm>
#include <map>

#include "agent/base/digest.h"
#include "policy/classify/chars.h"
#include "policy/classify/tables.h"

namespace warden::classify {
namespace {

// Every class policy may name, in order of overlap resolution: what is worse to lose stands first.
constexpr std::array<std::string_view, 20> kClasses = {
    "secret",      "pci",      "bank",           "phi",        "pii.gov",
    "pii.contact", "pii.name", "pii.address",    "pii",        "edm",
    "document",    "mnpi",     "export_control", "org_source", "licensed_text",
    "source_code", "custom",   "unscannable",    "opaque",     ""};

// Changes of code that change findings, so that `cls.ruleset` of a record tells engines apart.
constexpr std::string_view kEngineVersion = "2";

template <class Use>
void for_each_part(std::string_view list, Use use) {
  while (!list.empty()) {
    const size_t bar = std::min(list.find('|'), list.size());
    use(list.substr(0, bar));
    list.remove_prefix(std::min(bar + 1, list.size()));
  }
}

// "card number" is also written card_number, card-number, card.number and cardNumber.
std::vector<std::string> spellings(std::string_view words) {
  if (words.find(' ') == std::string_view::npos) return {std::string(words)};
  std::vector<std::string> forms;
  for (const std::string_view joint : {" ", "_", "-", ".", ""}) {
    std::string form;
    for (const char c : words) c == ' ' ? form += joint : form += c;
    forms.push_back(std::move(form));
  }
  return forms;
}

using WordMap = std::map<std::string, std::vector<DetectorIndex>, std::less<>>;

void add_words(WordMap& map, std::string_view list, const DetectorIndex* detector) {
  for_each_part(list, [&](std::string_view word) {
    for (std::string& form : spellings(word)) {
      auto& users = map[std::move(form)];
      if (detector != nullptr && (users.empty() || users.back() != *detector)) users.push_back(*detector);
    }
  });
}

// The labels and the single words of them, of a length that nothing else has by chance.
std::unordered_set<std::string> parts_of(const WordMap& map) {
  constexpr size_t kPartMin = 3;
  std::unordered_set<std::string> parts;
  for (const auto& [label, users] : map) {
    std::string part;
    for (const char c : label + " ") {
      if (is_alpha(c)) {
        part += lower(c);
        continue;
      }
      if (part.size() >= kPartMin) parts.insert(part);
      part.clear();
    }
  }
  return parts;
}

}  // namespace

uint8_t class_rank(std::string_view data_class) {
  const auto found = std::find(kClasses.begin(), kClasses.end(), data_class);
  return found == kClasses.end() ? 255 : static_cast<uint8_t>(found - kClasses.begin());
}

bool CompiledPack::knows_detector(std::string_view id) const {
  return std::any_of(detectors.begin(), detectors.end(), [&](const Detector* d) { return d->id == id; });
}

bool CompiledPack::knows_class(std::string_view name) const {
  if (name.starts_with("custom.")) return name.size() > 7;
  return !name.empty() && class_rank(name) != 255;
}

void CompiledPack::index(const Detector& detector) {
  const auto id = static_cast<DetectorIndex>(detectors.size());
  detectors.push_back(&detector);
  ranks.push_back(class_rank(detector.data_class));
  for (size_t length = 0; length < 64; ++length) {
    if ((detector.lengths >> length & 1) == 0) continue;
    if (detector.trigger == Trigger::number) by_digits[length].push_back(id);
    if (detector.trigger == Trigger::word) by_length[length].push_back(id);
  }
  if (detector.trigger == Trigger::at_sign) at_sign.push_back(id);
  if (detector.trigger == Trigger::people) people = id;
}

bool CompiledPack::add_numbers(std::string& error, std::vector<Literal>& literals) {
  auto read = NumberTypes::parse(number_table(), error);
  if (!read) return false;
  numbers = std::move(*read);
  first_number = static_cast<DetectorIndex>(detectors.size());
  number_rows_.reserve(numbers.types().size());
  for (const auto& type : numbers.types()) {
    const auto place = static_cast<uint16_t>(number_rows_.size());
    number_rows_.push_back({type->id, type->data_class, Trigger::named, nullptr});
    index(number_rows_.back());
    for (const std::string_view label : type->labels) {
      number_labels.add(label, place);
      if (!type->anchored) continue;
      for (std::string& form : spellings(label)) {
        anchors.push_back({static_cast<DetectorIndex>(first_number + place), static_cast<uint16_t>(form.size())});
        literals.push_back({std::move(form), true});
      }
    }
  }
  return true;
}

Result<std::shared_ptr<const Pack>, PackError> CompiledPack::build() {
  auto pack = std::make_shared<CompiledPack>();
  std::vector<Literal> anchor_literals;
  const auto add_anchor = [&](std::string text, bool caseless) {
    pack->anchors.push_back({static_cast<DetectorIndex>(pack->detectors.size() - 1), static_cast<uint16_t>(text.size())});
    anchor_literals.push_back({std::move(text), caseless});
  };
  WordMap word_map;
  WordMap named_by;  // words of which each names some value
  Sha256 hash;
  hash.update(kEngineVersion);
  for (const std::span<const Detector> table : all_tables()) {
    for (const Detector& detector : table) {
      pack->index(detector);
      const auto id = static_cast<DetectorIndex>(pack->detectors.size() - 1);
      add_words(word_map, detector.labels, &id);
      if (detector.caseless) add_words(named_by, detector.anchors, nullptr);
      for_each_part(detector.anchors, [&](std::string_view text) { add_anchor(std::string(text), detector.caseless); });
      if (detector.trigger == Trigger::keyword) {
        for_each_part(detector.labels, [&](std::string_view word) {
          for (std::string& form : spellings(word)) add_anchor(std::move(form), true);
        });
      }
      for (const std::string_view part :
           {detector.id, detector.data_class, detector.labels, detector.anchors, detector.examples,
            std::string_view(detector.caseless ? "i" : "")}) {
        hash.update(part);
        hash.update(std::string_view("\0", 1));
      }
    }
  }
  named_by.insert(word_map.begin(), word_map.end());
  pack->label_words = parts_of(named_by);
  add_words(word_map, other_meanings(), nullptr);
  hash.update(other_meanings());
  std::string error;
  if (!pack->add_numbers(error, anchor_literals)) return fail(PackError::invalid, "number table: " + error);
  hash.update(number_table());
  pack->digest_ = hash.finish();

  std::vector<Literal> word_literals;
  for (auto& [word, users] : word_map) {
    const bool rival = std::any_of(users.begin(), users.end(), [&](DetectorIndex user) {
      return pack->detectors[user]->trigger != Trigger::keyword || pack->detectors[user]->data_class == "secret";
    });
    pack->words.push_back({static_cast<uint16_t>(word.size()), std::move(users), rival});
    word_literals.push_back({word, true});
  }
  pack->anchor_set = Literals::compile(anchor_literals);
  pack->word_set = Literals::compile(word_literals);
  if (!pack->anchor_set || !pack->word_set) {
    return fail(PackError::engine,
                "Hyperscan cannot compile the built-in detectors (does the processor have SSSE3?)");
  }
  return std::shared_ptr<const Pack>(std::move(pack));
}

Result<std::shared_ptr<const Pack>, PackError> Pack::load(const std::string& folder) {
  if (!folder.empty()) {
    return fail(PackError::unreadable, folder + ": pack folders are not supported yet; leave the option out");
  }
  return CompiledPack::build();
}

}  // namespace warden::classify
