// SPDX-License-Identifier: Apache-2.0
#include "policy/rules/cases.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "agent/base/file.h"
#include "policy/rules/facts_reader.h"
#include "policy/rules/reader.h"

namespace warden::policy {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> case_files(const std::string& path) {
  std::error_code error;
  const bool folder = fs::is_directory(path, error);
  const std::string stem = folder ? "" : fs::path(path).stem().string() + "_";
  fs::path parent = folder ? fs::path(path) : fs::path(path).parent_path();
  if (parent.empty()) parent = ".";
  std::vector<std::string> files;
  for (fs::directory_iterator at(parent, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    const bool cases = name.ends_with("_test.yaml") || name.ends_with("_test.yml");
    if (cases && name.starts_with(stem) && !name.starts_with('.')) files.push_back(at->path().string());
  }
  std::ranges::sort(files);
  return files;
}

struct Case {
  CaseResult result;
  Facts facts;
  std::string unreadable;
  const Tree* expect = nullptr;
};

std::string joined(std::vector<std::string> words) {
  std::ranges::sort(words);
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return "[" + text + "]";
}

std::vector<std::string> texts_of(const Tree& tree) {
  std::vector<std::string> texts;
  for (const Tree& item : tree.items) texts.push_back(item.text);
  return texts;
}

std::vector<std::string> redacted(const Verdict& verdict, const Facts& facts) {
  std::vector<std::string> classes;
  for (const size_t index : verdict.redact) classes.push_back(facts.data[index].data_class);
  return classes;
}

void compare(const Verdict& verdict, Case& test) {
  const auto expect = [&](const char* key, const std::string& got) {
    const Tree* wanted = test.expect->find(key);
    if (wanted == nullptr) return;
    const std::string text = wanted->kind == Tree::Kind::sequence ? joined(texts_of(*wanted)) : wanted->text;
    if (text != got) test.result.wrong.push_back(std::string(key) + " is " + got + ", expected " + text);
  };
  expect("verdict", std::string(name(verdict.outcome)));
  expect("action", std::string(name(verdict.action)));
  expect("deciding", verdict.deciding);
  expect("reason", verdict.reason);
  expect("rules", joined(verdict.rules));
  expect("redact", joined(redacted(verdict, test.facts)));
}

bool read_case(Reader& reader, const Tree& tree, const Program& program, Case& out) {
  if (!reader.map(tree, "a case", {"name", "facts", "unreadable", "expect"})) return false;
  const Tree *title = tree.find("name"), *facts = tree.find("facts"), *expect = tree.find("expect");
  if (title == nullptr || facts == nullptr || expect == nullptr)
    return reader.invalid(tree, "a case needs name, facts and expect"), false;
  out.result = {reader.file(), tree.line, tree.column, reader.text(*title, "name").value_or(""), {}};
  out.facts = read_facts(reader, *facts, true);
  if (const Tree* reason = tree.find("unreadable"))
    out.unreadable = reader.text(*reason, "unreadable").value_or("");
  out.expect = expect;
  if (!reader.map(*expect, "expect", {"verdict", "action", "deciding", "reason", "rules", "redact"}))
    return false;
  // A case that can only pass tests nothing.
  if (expect->items.empty()) return reader.invalid(*expect, "expect says nothing"), false;
  const auto known = [&](const std::string& id) {
    return id.empty() || std::ranges::find(program.rules, id, &Rule::id) != program.rules.end();
  };
  for (const char* key : {"deciding", "rules"}) {
    const Tree* named = expect->find(key);
    if (named == nullptr) continue;
    for (const std::string& id : named->is_scalar() ? std::vector{named->text} : texts_of(*named))
      if (!known(id)) reader.report(BundleError::unknown_name, *named, "the bundle has no rule " + shown(id));
  }
  return true;
}

}  // namespace

Result<CaseRun, BundleError> run_cases(const std::string& path, const Program& program) {
  CaseRun run;
  Problems problems;
  std::set<std::string> seen;
  for (const std::string& file : case_files(path)) {
    const auto text = read_file(file, kTreeBytesMax);
    if (!text) return fail(BundleError::unreadable, text.error().detail);
    const auto parsed = parse_yaml(*text);
    if (const auto* error = std::get_if<TreeError>(&parsed)) {
      problems.add(BundleError::syntax, file, error->line, error->column, error->what);
      continue;
    }
    Reader reader(file, problems);
    const Tree& tree = std::get<Tree>(parsed);
    if (!reader.map(tree, "the case file", {"apiVersion", "kind", "cases"})) continue;
    const Tree *version = tree.find("apiVersion"), *kind = tree.find("kind"), *cases = tree.find("cases");
    if (version != nullptr) reader.word(*version, "apiVersion", {"egresswarden/v1"});
    if (kind != nullptr) reader.word(*kind, "kind", {"PolicyTest"});
    if (version == nullptr || kind == nullptr || cases == nullptr || cases->kind != Tree::Kind::sequence) {
      reader.invalid(tree, "a case file has apiVersion: egresswarden/v1, kind: PolicyTest and cases: a list");
      continue;
    }
    for (const Tree& item : cases->items) {
      Case test;
      if (!read_case(reader, item, program, test)) continue;
      const Verdict verdict = test.unreadable.empty()
                                  ? decide(program, test.facts)
                                  : decide_unreadable(program, test.facts, test.unreadable);
      compare(verdict, test);
      seen.insert(verdict.rules.begin(), verdict.rules.end());
      run.results.push_back(std::move(test.result));
    }
  }
  if (!problems.empty()) return problems.error();
  for (const Rule& rule : program.rules)
    if (!seen.contains(rule.id)) run.uncovered.push_back(&rule);
  return run;
}

}  // namespace warden::policy
