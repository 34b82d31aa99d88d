// SPDX-License-Identifier: Apache-2.0
#include "policy/rules/facts_reader.h"

#include <algorithm>

#include "agent/base/file.h"
#include "policy/decide/fact_names.h"

namespace warden::policy {
namespace {

std::optional<Fact> scalar_fact(const Tree& tree, FactType type) {
  if (type == FactType::integer) {
    const auto number = tree.quoted ? std::nullopt : to_integer(tree.text);
    return number ? std::optional<Fact>(*number) : std::nullopt;
  }
  if (type == FactType::boolean) {
    if (tree.quoted || (tree.text != "true" && tree.text != "false")) return std::nullopt;
    return tree.text == "true";
  }
  if (type == FactType::texts) return Texts{tree.text};
  return tree.text;
}

std::optional<Fact> to_fact(const Tree& tree, FactType type) {
  if (tree.kind == Tree::Kind::null) return Unresolved{"given as null"};
  if (tree.is_scalar()) return scalar_fact(tree, type);
  if (tree.kind != Tree::Kind::sequence || type != FactType::texts) return std::nullopt;
  Texts texts;
  for (const Tree& item : tree.items) {
    if (!item.is_scalar()) return std::nullopt;
    texts.push_back(item.text);
  }
  return texts;
}

void read_group(Reader& reader, const std::string& prefix, const Tree& tree, bool strict, Facts& facts) {
  if (tree.kind == Tree::Kind::null && !strict) return;
  if (!tree.is_map()) return reader.invalid(tree, prefix + " must be a map of facts");
  for (size_t i = 0; i < tree.items.size(); ++i) {
    const std::string name = prefix + "." + tree.names[i].text;
    const Tree& value = tree.items[i];
    const auto type = fact_type(name);
    if (!type && value.is_map()) {
      read_group(reader, name, value, strict, facts);
    } else if (!type) {
      // Identity has more fields than rules may name; harmless unless somebody relies on them.
      if (strict) reader.report(BundleError::unknown_name, value, "unknown fact " + shown(name));
    } else if (auto fact = to_fact(value, *type)) {
      facts.set(name, std::move(*fact));
    } else {
      reader.invalid(value, name + " has a value of the wrong type");
    }
  }
}

void read_row(Reader& reader, const Tree& tree, Facts& facts) {
  if (!reader.map(tree, "a data row", {"class", "detector", "tier", "confidence", "n", "where"})) return;
  DataFact row;
  row.tier = "validated";
  row.confidence = 100;
  row.where = "user";
  for (size_t i = 0; i < tree.items.size(); ++i) {
    const std::string& key = tree.names[i].text;
    const Tree& value = tree.items[i];
    if (key == "class") row.data_class = reader.text(value, key).value_or("");
    if (key == "detector") row.detector = reader.text(value, key).value_or("");
    if (key == "tier") row.tier = tier_word(value.text);
    if (key == "where") row.where = where_word(value.text);
    if (key == "confidence")
      row.confidence = static_cast<int>(reader.integer(value, key, 0, 100).value_or(0));
    if (key == "n") row.n = reader.integer(value, key, 1, INT64_MAX).value_or(1);
    if (row.tier.empty() || row.where.empty())
      return reader.report(BundleError::unknown_name, value, "unknown " + key + " " + shown(value.text));
  }
  if (row.data_class.empty()) return reader.invalid(tree, "a data row needs a class");
  facts.data.push_back(std::move(row));
}

std::string json_list(const std::vector<std::string>& words) {
  std::string text = "[";
  for (const std::string& word : words) text += (text.size() > 1 ? "," : "") + json_quote(word);
  return text + "]";
}

}  // namespace

Facts read_facts(Reader& reader, const Tree& tree, bool strict) {
  Facts facts;
  if (!reader.map(tree, "the facts",
                  {"identity", "destination", "data", "request", "time", "host", "data_status"}))
    return facts;
  for (size_t i = 0; i < tree.items.size(); ++i) {
    const std::string& key = tree.names[i].text;
    const Tree& value = tree.items[i];
    if (key == "data_status") {
      const auto status = reader.word(value, key, {"complete", "partial", "error", "skipped"});
      if (status) facts.data_status = static_cast<DataStatus>(*status);
    } else if (key == "data" && value.kind == Tree::Kind::null) {
      facts.data_status = DataStatus::skipped;
    } else if (key == "data") {
      if (value.kind != Tree::Kind::sequence) reader.invalid(value, "data must be a list of rows");
      for (const Tree& item : value.items) read_row(reader, item, facts);
    } else {
      read_group(reader, key, value, strict, facts);
    }
  }
  return facts;
}

Result<Facts, BundleError> read_facts_json(const std::string& path) {
  const auto text = read_file(path, kTreeBytesMax);
  if (!text) return fail(BundleError::unreadable, text.error().detail);
  const auto parsed = parse_json(*text);
  if (const auto* error = std::get_if<TreeError>(&parsed))
    return fail(BundleError::syntax, path + ": not JSON: " + error->what);
  Problems problems;
  Reader reader(path, problems);
  Facts facts = read_facts(reader, std::get<Tree>(parsed), false);
  if (!problems.empty()) return problems.error();
  return facts;
}

std::string verdict_json(const Verdict& verdict) {
  const auto word = [](std::string_view text) { return json_quote(text); };
  return "{\"verdict\":" + word(name(verdict.outcome)) + ",\"action\":" + word(name(verdict.action)) +
         ",\"rules\":" + json_list(verdict.rules) + ",\"deciding\":" + word(verdict.deciding) +
         ",\"reason\":" + word(verdict.reason) + "}";
}

}  // namespace warden::policy
