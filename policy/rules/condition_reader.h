// SPDX-License-Identifier: Apache-2.0
// A rule's `when`, from tree to Condition. The language is described in policy/rules/FORMAT.md.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "policy/decide/condition.h"
#include "policy/rules/reader.h"

namespace warden::policy {

// spec.lists of all files. `values` counts every value that a condition took in, so that a small bundle that
// names a long list many times cannot fill the memory.
struct Lists {
  static constexpr size_t kValuesMax = 1'000'000;
  std::map<std::string, const Tree*, std::less<>> by_name;
  size_t values = 0;
};

class ConditionReader {
 public:
  ConditionReader(Reader& reader, Lists& lists, const LoadOptions& options)
      : reader_(reader), lists_(lists), options_(options) {}

  // What cannot be read is reported and left out; the caller throws the whole bundle away then.
  Condition read(const Tree& tree, int depth = 0);

 private:
  using Values = std::vector<Tree>;  // values of a list stand where the list is named
  void read_facts(const std::string& prefix, const Tree& tree, int depth, Condition& into);
  Condition read_fact(const std::string& name, FactType type, const Tree& tree, int depth);
  Condition read_operator(const std::string& name, FactType type, size_t index, const Tree& tree, int depth);
  Condition equals(const std::string& name, FactType type, const Tree& tree);
  Condition all_of(const std::string& name, FactType type, const Tree& tree);
  Condition compare(const std::string& name, FactType type, const std::string& op, const Tree& tree);
  Condition in_blocks(const std::string& name, FactType type, const Tree& tree);
  Condition parts_of(Condition::Kind kind, const std::string& word, const Tree& tree, int depth);
  Condition read_data(const Tree& tree);
  void read_count(const Tree& tree, Range& range);

  Values values(const Tree& tree, const std::string& where);
  void add_text(const std::string& name, const Tree& tree, TextSet& set);
  void add_class(const Tree& tree, std::vector<std::string>& classes);
  Condition fact(const Tree& at, const std::string& name, FactTest::Kind kind);

  Reader& reader_;
  Lists& lists_;
  const LoadOptions& options_;
};

}  // namespace warden::policy
