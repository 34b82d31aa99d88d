// SPDX-License-Identifier: Apache-2.0
#include "policy/rules/bundle_reader.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "policy/rules/condition_reader.h"

namespace warden::policy {
namespace {

constexpr std::string_view kLimitKeys[] = {"id",
                                           "mode",
                                           "key",
                                           "when",
                                           "message",
                                           "description",
                                           "requests_per_minute",
                                           "requests_per_hour",
                                           "requests_per_day",
                                           "requests_per_month",
                                           "tokens_per_minute",
                                           "tokens_per_hour",
                                           "tokens_per_day",
                                           "tokens_per_month",
                                           "usd_per_day",
                                           "usd_per_month"};

struct File {
  std::string name;  // for messages
  Tree tree;
};

bool is_id(std::string_view text) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, good);
}

// Reads all files of one bundle into one Program: lists and defaults first, since rules need them.
class BundleReader {
 public:
  BundleReader(const LoadOptions& options, Problems& problems, Program& program)
      : options_(options), problems_(problems), program_(program) {}

  void read(const std::vector<File>& files) {
    for (const File& file : files) read_head(file);
    if (!has_metadata_ && !files.empty()) {
      Reader reader(files.front().name, problems_);
      reader.invalid(files.front().tree, "no file of the bundle has metadata with name and version");
    }
    for (const File& file : files) {
      Reader reader(file.name, problems_);
      const Tree* spec = file.tree.find("spec");
      if (spec == nullptr || !spec->is_map()) continue;
      if (const Tree* rules = spec->find("rules"))
        each(reader, *rules, "spec.rules", &BundleReader::read_rule);
      if (const Tree* limits = spec->find("limits"))
        each(reader, *limits, "spec.limits", &BundleReader::read_limit);
    }
  }

 private:
  void read_head(const File& file) {
    Reader reader(file.name, problems_);
    const Tree& tree = file.tree;
    if (!reader.map(tree, "the bundle", {"apiVersion", "kind", "metadata", "spec"})) return;
    require(reader, tree, "apiVersion", "egresswarden/v1");
    require(reader, tree, "kind", "PolicyBundle");
    if (const Tree* metadata = tree.find("metadata")) read_metadata(reader, *metadata);
    const Tree* spec = tree.find("spec");
    if (spec == nullptr) return reader.invalid(tree, "spec is missing");
    if (!reader.map(*spec, "spec", {"defaults", "lists", "rules", "limits"})) return;
    if (const Tree* defaults = spec->find("defaults")) read_defaults(reader, *defaults);
    if (const Tree* lists = spec->find("lists")) read_lists(reader, *lists);
  }

  static void require(Reader& reader, const Tree& tree, const std::string& key, std::string_view value) {
    const Tree* found = tree.find(key);
    if (found == nullptr)
      return reader.invalid(tree, key + " is missing: write " + key + ": " + std::string(value));
    reader.word(*found, key, {value});
  }

  void read_metadata(Reader& reader, const Tree& tree) {
    if (has_metadata_) return reader.invalid(tree, "metadata stands in more than one file of the bundle");
    has_metadata_ = true;
    if (!reader.map(tree, "metadata", {"name", "version", "description"})) return;
    const Tree *name = tree.find("name"), *version = tree.find("version"),
               *description = tree.find("description");
    if (name == nullptr || version == nullptr) return reader.invalid(tree, "metadata needs name and version");
    program_.name = reader.text(*name, "metadata.name", 128).value_or("");
    program_.version = reader.text(*version, "metadata.version", 128).value_or("");
    if (description != nullptr) reader.text(*description, "metadata.description", 4096);
  }

  void read_defaults(Reader& reader, const Tree& tree) {
    if (has_defaults_) return reader.invalid(tree, "defaults stand in more than one file of the bundle");
    has_defaults_ = true;
    if (!reader.map(
            tree, "spec.defaults",
            {"decision", "mode", "on_unreadable", "on_untrusting_client", "on_shared_front", "on_ech"}))
      return;
    Defaults& defaults = program_.defaults;
    const auto word = [&](const char* key,
                          std::initializer_list<std::string_view> words) -> std::optional<size_t> {
      const Tree* value = tree.find(key);
      return value == nullptr ? std::nullopt : reader.word(*value, key, words);
    };
    if (const auto at = word("decision", {"block", "allow"}))
      defaults.decision = *at == 0 ? Action::block : Action::allow;
    if (const auto at = word("mode", {"enforce", "monitor"})) defaults.mode = static_cast<Mode>(*at);
    if (const auto at = word("on_unreadable", {"block", "allow"}))
      defaults.on_unreadable = *at == 0 ? Action::block : Action::allow;
    if (const auto at = word("on_untrusting_client", {"block", "observe", "splice"}))
      defaults.on_untrusting_client = static_cast<Defaults::Untrusting>(*at);
    if (const auto at = word("on_shared_front", {"intercept", "refuse", "splice"}))
      defaults.on_shared_front = static_cast<Defaults::Front>(*at);
    if (const auto at = word("on_ech", {"refuse", "splice"}))
      defaults.on_ech = static_cast<Defaults::Ech>(*at);
  }

  void read_lists(Reader& reader, const Tree& tree) {
    if (!tree.is_map()) return reader.invalid(tree, "spec.lists must be a map of lists");
    for (size_t i = 0; i < tree.items.size(); ++i) {
      const Tree& list = tree.items[i];
      const std::string& name = tree.names[i].text;
      if (list.kind != Tree::Kind::sequence || list.items.empty()) {
        reader.invalid(list, "list " + shown(name) + " must be a list of values");
      } else if (!lists_.by_name.emplace(name, &list).second) {
        reader.invalid(list, "list " + shown(name) + " stands in more than one file");
      }
    }
  }

  void each(Reader& reader, const Tree& tree, const std::string& where,
            void (BundleReader::*read_one)(Reader&, const Tree&)) {
    if (tree.kind == Tree::Kind::null) return;
    if (tree.kind != Tree::Kind::sequence) return reader.invalid(tree, where + " must be a list");
    for (const Tree& item : tree.items) (this->*read_one)(reader, item);
  }

  std::string read_id(Reader& reader, const Tree& tree, const std::string& what) {
    const Tree* id = tree.find("id");
    if (id == nullptr) return reader.invalid(tree, what + " has no id"), "";
    if (!id->is_scalar() || !is_id(id->text))
      return reader.invalid(*id, "an id is 1 to 64 of a-z A-Z 0-9 - _ ."), "";
    if (!ids_.insert(id->text).second) reader.invalid(*id, "id " + shown(id->text) + " is used twice");
    return id->text;
  }

  Mode read_mode(Reader& reader, const Tree& tree) const {
    const Tree* mode = tree.find("mode");
    if (mode == nullptr) return program_.defaults.mode;
    return static_cast<Mode>(reader.word(*mode, "mode", {"enforce", "monitor"}).value_or(0));
  }

  static std::string read_message(Reader& reader, const Tree& tree) {
    const Tree* message = tree.find("message");
    return message == nullptr ? "" : reader.text(*message, "message", 512).value_or("");
  }

  Condition read_when(Reader& reader, const Tree& tree) {
    const Tree* when = tree.find("when");
    return when == nullptr ? Condition{} : ConditionReader(reader, lists_, options_).read(*when);
  }

  void read_rule(Reader& reader, const Tree& tree) {
    if (!reader.map(tree, "a rule", {"id", "effect", "mode", "when", "message", "description"})) return;
    Rule rule;
    rule.id = read_id(reader, tree, "a rule");
    rule.file = reader.file();
    rule.line = tree.line;
    rule.column = tree.column;
    const Tree* effect = tree.find("effect");
    if (effect == nullptr) {
      reader.invalid(tree, "rule " + shown(rule.id) + " has no effect: write allow, redact or block");
    } else {
      rule.effect =
          static_cast<Effect>(reader.word(*effect, "effect", {"allow", "redact", "block"}).value_or(2));
    }
    rule.mode = read_mode(reader, tree);
    rule.message = read_message(reader, tree);
    rule.when = read_when(reader, tree);
    if (rule.effect == Effect::redact && !has_positive_data(rule.when))
      reader.invalid(tree, "redact rule " + shown(rule.id) + " has no data condition that says what to edit");
    program_.rules.push_back(std::move(rule));
    if (program_.rules.size() == kRulesMax + 1)
      reader.invalid(tree, "more than " + std::to_string(kRulesMax) + " rules");
  }

  void read_limit(Reader& reader, const Tree& tree) {
    if (!reader.map(tree, "a limit", kLimitKeys)) return;
    Limit limit;
    limit.id = read_id(reader, tree, "a limit");
    limit.mode = read_mode(reader, tree);
    limit.message = read_message(reader, tree);
    limit.when = read_when(reader, tree);
    const Tree* key = tree.find("key");
    if (key == nullptr || key->kind != Tree::Kind::sequence || key->items.empty()) {
      reader.invalid(tree, "a limit needs key: a list of facts to count by");
    } else {
      for (const Tree& fact : key->items) {
        if (fact.is_scalar() && fact_type(fact.text))
          limit.key.push_back(fact.text);
        else
          reader.report(BundleError::unknown_name, fact, "unknown fact " + shown(fact.text));
      }
    }
    for (const std::string_view name : kLimitKeys) {
      if (name.find("_per_") == std::string_view::npos) continue;
      const Tree* amount = tree.find(name);
      if (amount == nullptr) continue;
      limit.amounts.push_back(
          {std::string(name), reader.integer(*amount, std::string(name), 1, INT64_MAX).value_or(1)});
    }
    if (limit.amounts.empty()) reader.invalid(tree, "a limit needs an amount such as tokens_per_day");
    program_.limits.push_back(std::move(limit));
  }

  const LoadOptions& options_;
  Problems& problems_;
  Program& program_;
  Lists lists_;
  std::set<std::string> ids_;
  bool has_metadata_ = false, has_defaults_ = false;
};

}  // namespace

std::shared_ptr<Program> read_program(const BundleSource& source, const LoadOptions& options,
                                      Problems& problems) {
  auto program = std::make_shared<Program>();
  std::vector<File> files;
  for (const auto& [name, content] : source.files) {
    const std::filesystem::path path(source.path);
    const std::string shown_name = path.filename() == name ? source.path : (path / name).string();
    auto parsed = parse_yaml(content);
    if (const auto* error = std::get_if<TreeError>(&parsed)) {
      problems.add(BundleError::syntax, shown_name, error->line, error->column, error->what);
    } else {
      files.push_back({shown_name, std::get<Tree>(std::move(parsed))});
    }
  }
  if (source.files.empty())
    problems.add(BundleError::unreadable, source.path, 0, 0, "no policy file: put a *.yaml file there");
  // Rules of a file that could not be read may be what the others rely on: their own mistakes come after it
  // is mended.
  if (problems.empty()) BundleReader(options, problems, *program).read(files);
  return program;
}

}  // namespace warden::policy
