// SPDX-License-Identifier: Apache-2.0
#include "policy/rules/condition_reader.h"

#include <algorithm>
#include <optional>

#include "agent/base/address.h"

namespace warden::policy {
namespace {

constexpr size_t kListMax = 10'000;

bool is_date(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
  for (const size_t i : {0, 1, 2, 3, 5, 6, 8, 9})
    if (text[i] < '0' || text[i] > '9') return false;
  const auto month = text.substr(5, 2), day = text.substr(8, 2);
  return month >= "01" && month <= "12" && day >= "01" && day <= "31";
}

bool is_class(std::string_view text) {
  char last = '.';
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    if (!letter && (c != '.' || last == '.')) return false;
    last = c;
  }
  return !text.empty() && text.size() <= 128 && last != '.';
}

// "10.0.0.0/8", "2001:db8::/32" or a single address.
std::optional<Block> to_block(const std::string& text) {
  const size_t slash = text.find('/');
  const auto endpoint = text.size() > 64 ? std::nullopt : Endpoint::parse(text.substr(0, slash), 0);
  if (!endpoint) return std::nullopt;
  const int64_t whole = endpoint->is_v4() ? 32 : 128;
  const auto bits = slash == std::string::npos ? whole : to_integer(std::string_view(text).substr(slash + 1));
  if (!bits || *bits < 0 || *bits > whole) return std::nullopt;
  Block block;
  std::ranges::copy(endpoint->address, block.address);
  block.bits = static_cast<uint8_t>(*bits + 128 - whole);
  return block;
}

Condition negated(Condition part) {
  Condition condition;
  condition.kind = Condition::Kind::negation;
  condition.line = part.line;
  condition.column = part.column;
  condition.parts.push_back(std::move(part));
  return condition;
}

}  // namespace

Condition ConditionReader::read(const Tree& tree, int depth) {
  Condition condition;
  condition.line = tree.line;
  condition.column = tree.column;
  if (depth > Condition::kDepthMax)
    return reader_.invalid(tree, "conditions are nested too deeply"), condition;
  if (!reader_.map(tree, "a condition",
                   {"identity", "destination", "data", "request", "time", "host", "any", "all", "not"}))
    return condition;
  if (tree.items.empty())
    reader_.invalid(tree, "an empty condition: leave `when` out for a rule that always holds");
  for (size_t i = 0; i < tree.items.size(); ++i) {
    const std::string& key = tree.names[i].text;
    const Tree& value = tree.items[i];
    if (key == "data") {
      condition.parts.push_back(read_data(value));
    } else if (key == "not") {
      condition.parts.push_back(negated(read(value, depth + 1)));
    } else if (key == "any") {
      condition.parts.push_back(parts_of(Condition::Kind::any, key, value, depth));
    } else if (key == "all") {
      condition.parts.push_back(parts_of(Condition::Kind::all, key, value, depth));
    } else {
      read_facts(key, value, depth, condition);
    }
  }
  return condition;
}

Condition ConditionReader::parts_of(Condition::Kind kind, const std::string& word, const Tree& tree,
                                    int depth) {
  Condition condition;
  condition.kind = kind;
  condition.line = tree.line;
  condition.column = tree.column;
  if (tree.kind != Tree::Kind::sequence || tree.items.empty())
    return reader_.invalid(tree, word + " must be a list of conditions"), condition;
  for (const Tree& item : tree.items) condition.parts.push_back(read(item, depth + 1));
  return condition;
}

// `container: { image: x }` and `container.image: x` are the same.
void ConditionReader::read_facts(const std::string& prefix, const Tree& tree, int depth, Condition& into) {
  if (!tree.is_map() || tree.items.empty()) return reader_.invalid(tree, prefix + " must be a map of facts");
  for (size_t i = 0; i < tree.items.size(); ++i) {
    const std::string name = prefix + "." + tree.names[i].text;
    if (const auto type = fact_type(name)) {
      into.parts.push_back(read_fact(name, *type, tree.items[i], depth));
    } else if (is_fact_prefix(name) && tree.items[i].is_map()) {
      read_facts(name, tree.items[i], depth, into);
    } else {
      Tree at;
      at.line = tree.names[i].line;
      at.column = tree.names[i].column;
      const std::string_view near = nearest_fact(name);
      reader_.report(
          BundleError::unknown_name, at,
          "unknown fact " + shown(name) + (near.empty() ? "" : ", did you mean " + std::string(near) + "?"));
    }
  }
}

Condition ConditionReader::read_fact(const std::string& name, FactType type, const Tree& tree, int depth) {
  if (tree.kind == Tree::Kind::null) {
    reader_.invalid(tree, name + " has no value; to ask for absence write { exists: false }");
    return {};
  }
  if (!tree.is_map()) return equals(name, type, tree);
  Condition condition;
  condition.line = tree.line;
  condition.column = tree.column;
  if (depth > Condition::kDepthMax)
    return reader_.invalid(tree, "conditions are nested too deeply"), condition;
  if (!reader_.map(tree, name, {"in", "any", "all", "not", "exists", "lt", "le", "gt", "ge", "cidr"}))
    return condition;
  if (tree.items.empty()) reader_.invalid(tree, name + " has no operator");
  for (size_t i = 0; i < tree.items.size(); ++i)
    condition.parts.push_back(read_operator(name, type, i, tree, depth));
  if (condition.parts.size() != 1) return condition;
  Condition only = std::move(condition.parts.front());
  return only;
}

Condition ConditionReader::read_operator(const std::string& name, FactType type, size_t index,
                                         const Tree& tree, int depth) {
  const std::string& op = tree.names[index].text;
  const Tree& value = tree.items[index];
  if (op == "in") {
    if (!value.is_scalar()) return equals(name, type, value);
    return equals(name, type, tree);
  }
  if (op == "any") return equals(name, type, value);
  if (op == "all") return all_of(name, type, value);
  if (op == "not") return negated(read_fact(name, type, value, depth + 1));
  if (op == "cidr") return in_blocks(name, type, value);
  if (op != "exists") return compare(name, type, op, value);
  Condition condition = fact(value, name, FactTest::Kind::exists);
  condition.fact.wanted = reader_.boolean(value, name + ".exists").value_or(true);
  return condition;
}

Condition ConditionReader::fact(const Tree& at, const std::string& name, FactTest::Kind kind) {
  Condition condition;
  condition.kind = Condition::Kind::fact;
  condition.line = at.line;
  condition.column = at.column;
  condition.fact.kind = kind;
  condition.fact.fact = name;
  return condition;
}

// A value, a list of them, or { in: name of a list }.
ConditionReader::Values ConditionReader::values(const Tree& tree, const std::string& where) {
  const Tree* from = &tree;
  const Tree* named_at = nullptr;
  if (tree.is_map()) {
    const Tree* in = tree.find("in");
    if (in == nullptr)
      return reader_.invalid(tree, where + " must be a value, a list, or { in: name of a list }"), Values{};
    from = in;
    if (in->is_scalar()) {
      const auto list = lists_.by_name.find(in->text);
      if (list == lists_.by_name.end())
        return reader_.report(BundleError::unknown_name, *in,
                              "no list " + shown(in->text) + " under spec.lists"),
               Values{};
      from = list->second;
      named_at = in;
    }
  }
  const size_t count = from->kind == Tree::Kind::sequence ? from->items.size() : from->is_scalar() ? 1 : 0;
  if (count == 0) return reader_.invalid(tree, where + " names no value"), Values{};
  lists_.values += count;
  if (count > kListMax || lists_.values > Lists::kValuesMax)
    return reader_.invalid(tree, where + " takes in too many values"), Values{};
  Values found = from->is_scalar() ? Values{*from} : from->items;
  for (Tree& value : found) {
    if (named_at == nullptr) break;
    value.line = named_at->line;
    value.column = named_at->column;
  }
  return found;
}

void ConditionReader::add_text(const std::string& name, const Tree& tree, TextSet& set) {
  const auto text = reader_.text(tree, name);
  if (!text) return;
  if (Glob::is_glob(*text)) {
    if (auto glob = Glob::compile(*text)) {
      set.globs.push_back(std::move(*glob));
    } else {
      reader_.invalid(tree, "not a usable pattern: " + shown(*text));
    }
    return;
  }
  static constexpr std::string_view kDays[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
  if (name == "time.weekday" && std::ranges::find(kDays, *text) == std::end(kDays))
    reader_.invalid(tree, "time.weekday must be one of: mon, tue, wed, thu, fri, sat, sun");
  if (name.starts_with("identity.") && name.ends_with("_sha256") &&
      (text->size() != 64 || text->find_first_not_of("0123456789abcdef") != std::string::npos))
    reader_.invalid(tree, name + " must be 64 lower-case hex digits");
  if (name == "identity.script_basis" && *text != "kernel" && *text != "asserted" && *text != "none")
    reader_.invalid(tree, "identity.script_basis must be one of: kernel, asserted, none");
  set.exact.push_back(Glob::unescape(*text));
}

Condition ConditionReader::equals(const std::string& name, FactType type, const Tree& tree) {
  if (type == FactType::boolean) {
    Condition condition = fact(tree, name, FactTest::Kind::boolean);
    condition.fact.wanted = reader_.boolean(tree, name).value_or(true);
    return condition;
  }
  Condition condition =
      fact(tree, name, type == FactType::integer ? FactTest::Kind::integers : FactTest::Kind::texts);
  for (const Tree& value : values(tree, name)) {
    if (type == FactType::integer) {
      if (const auto number = reader_.integer(value, name, INT64_MIN, INT64_MAX))
        condition.fact.integers.push_back(*number);
    } else if (type == FactType::date && !(value.is_scalar() && is_date(value.text))) {
      reader_.invalid(value, name + " must be a date such as 2026-11-23");
    } else {
      add_text(name, value, condition.fact.texts);
    }
  }
  std::ranges::sort(condition.fact.integers);
  std::ranges::sort(condition.fact.texts.exact);
  return condition;
}

Condition ConditionReader::all_of(const std::string& name, FactType type, const Tree& tree) {
  Condition condition;
  condition.line = tree.line;
  condition.column = tree.column;
  if (type != FactType::texts)
    return reader_.invalid(tree, name + " has one value: `all` cannot be asked of it"), condition;
  for (const Tree& value : values(tree, name)) condition.parts.push_back(equals(name, type, value));
  return condition;
}

Condition ConditionReader::compare(const std::string& name, FactType type, const std::string& op,
                                   const Tree& tree) {
  if (type == FactType::integer) {
    Condition condition = fact(tree, name, FactTest::Kind::range);
    // One inside the ends of the type, so that lt and gt cannot overflow.
    const int64_t number = reader_.integer(tree, name, INT64_MIN + 1, INT64_MAX - 1).value_or(0);
    if (op == "lt") condition.fact.range.high = number - 1;
    if (op == "le") condition.fact.range.high = number;
    if (op == "gt") condition.fact.range.low = number + 1;
    if (op == "ge") condition.fact.range.low = number;
    return condition;
  }
  Condition condition = fact(tree, name, FactTest::Kind::dates);
  if (type != FactType::date)
    return reader_.invalid(tree, name + " is neither number nor date: it has no order"), condition;
  if (!tree.is_scalar() || !is_date(tree.text))
    return reader_.invalid(tree, name + " must be a date such as 2026-11-23"), condition;
  if (op == "le") condition.fact.last = tree.text;
  if (op == "ge") condition.fact.first = tree.text;
  if (op == "lt" || op == "gt")
    reader_.invalid(tree, "dates know `ge` and `le`, both including the day itself");
  return condition;
}

Condition ConditionReader::in_blocks(const std::string& name, FactType type, const Tree& tree) {
  Condition condition = fact(tree, name, FactTest::Kind::blocks);
  if (type != FactType::text && type != FactType::texts)
    return reader_.invalid(tree, name + " is no text: `cidr` cannot be asked of it"), condition;
  for (const Tree& value : values(tree, name + ".cidr")) {
    if (const auto block = to_block(value.text)) {
      condition.fact.blocks.push_back(*block);
    } else {
      reader_.invalid(value, "not an address block such as 10.0.0.0/8: " + shown(value.text));
    }
  }
  return condition;
}

void ConditionReader::add_class(const Tree& tree, std::vector<std::string>& classes) {
  const auto text = reader_.text(tree, "a data class");
  if (!text) return;
  if (!is_class(*text)) return reader_.invalid(tree, "not a data class: " + shown(*text));
  if (options_.knows_class && !options_.knows_class(*text))
    return reader_.report(BundleError::unknown_name, tree, "unknown data class " + shown(*text));
  classes.push_back(*text);
}

void ConditionReader::read_count(const Tree& tree, Range& range) {
  if (!tree.is_map()) return reader_.invalid(tree, "count must say how, such as { ge: 3 }");
  if (!reader_.map(tree, "data.count", {"lt", "le", "gt", "ge"})) return;
  if (tree.items.empty()) reader_.invalid(tree, "data.count has no operator");
  range.low = 0;
  for (size_t i = 0; i < tree.items.size(); ++i) {
    const std::string& op = tree.names[i].text;
    const int64_t number = reader_.integer(tree.items[i], "data.count", 0, INT64_MAX - 1).value_or(0);
    if (op == "lt") range.high = std::min(range.high, number - 1);
    if (op == "le") range.high = std::min(range.high, number);
    if (op == "gt") range.low = std::max(range.low, number + 1);
    if (op == "ge") range.low = std::max(range.low, number);
  }
  if (range.low > range.high) reader_.invalid(tree, "no count satisfies this");
}

Condition ConditionReader::read_data(const Tree& tree) {
  Condition condition;
  condition.kind = Condition::Kind::data;
  condition.line = tree.line;
  condition.column = tree.column;
  DataTest& test = condition.data;
  if (!reader_.map(
          tree, "data",
          {"any", "all", "detectors", "where", "tier", "min_confidence", "count", "min_count", "exists"}))
    return condition;
  int bounds = 0;
  for (size_t i = 0; i < tree.items.size(); ++i) {
    const std::string& key = tree.names[i].text;
    const Tree& value = tree.items[i];
    if (key == "any" || key == "all") {
      if (!test.classes.empty()) reader_.invalid(value, "give either data.any or data.all");
      test.all = key == "all";
      for (const Tree& item : values(value, "data." + key)) add_class(item, test.classes);
    } else if (key == "detectors") {
      for (const Tree& item : values(value, "data.detectors")) {
        add_text("data.detectors", item, test.detectors);
        if (options_.knows_detector && item.is_scalar() && !Glob::is_glob(item.text) &&
            !options_.knows_detector(item.text))
          reader_.report(BundleError::unknown_name, item, "unknown detector " + shown(item.text));
      }
      std::ranges::sort(test.detectors.exact);
    } else if (key == "where" || key == "tier") {
      for (const Tree& item : values(value, "data." + key)) {
        const bool known = !(key == "where" ? where_word(item.text) : tier_word(item.text)).empty();
        if (!known || item.text == "suppressed")
          reader_.report(BundleError::unknown_name, item, "unknown " + key + " " + shown(item.text));
        (key == "where" ? test.where : test.tiers).push_back(item.text);
      }
    } else if (key == "min_confidence") {
      test.confidence_min =
          static_cast<int>(reader_.integer(value, "data.min_confidence", 0, 100).value_or(0));
    } else if (key == "count") {
      ++bounds;
      read_count(value, test.count);
    } else if (key == "min_count") {
      ++bounds;
      test.count.low = reader_.integer(value, "data.min_count", 1, INT64_MAX - 1).value_or(1);
    } else if (key == "exists") {
      ++bounds;
      if (!reader_.boolean(value, "data.exists").value_or(true)) test.count = {0, 0};
    }
  }
  if (bounds > 1) reader_.invalid(tree, "give one of data.count, data.min_count and data.exists");
  return condition;
}

}  // namespace warden::policy
