// SPDX-License-Identifier: Apache-2.0
// Reader: typed access to a Tree; every wrong type, unknown key or bad value becomes a line
// "file:line:column: what" in Problems and reading goes on, so that an operator sees all mistakes at once
// (the first 20).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/rules/bundle.h"
#include "policy/rules/tree.h"

namespace warden::policy {

class Problems {
 public:
  static constexpr size_t kShownMax = 20;
  void add(BundleError code, const std::string& file, int line, int column, const std::string& what);
  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] std::unexpected<Error<BundleError>> error() const;

 private:
  BundleError code_ = BundleError::syntax;  // of the first
  std::string text_;
  size_t count_ = 0;
};

// Text of a file as it may stand in a message: in quotes, at most 64 bytes, control bytes replaced.
std::string shown(std::string_view text);

// Whole decimal number, nothing before or behind it.
std::optional<int64_t> to_integer(std::string_view text);

class Reader {
 public:
  using Words = std::span<const std::string_view>;
  Reader(std::string file, Problems& problems) : file_(std::move(file)), problems_(problems) {}

  void invalid(const Tree& at, const std::string& what) { report(BundleError::invalid_value, at, what); }
  void report(BundleError code, const Tree& at, const std::string& what);
  void unknown_key(const Tree::Name& name, const std::string& where,
                   std::initializer_list<std::string_view> known);

  // A map with no key outside `known`; `where` names it in messages ("spec.defaults").
  bool map(const Tree& tree, const std::string& where, Words known);
  bool map(const Tree& tree, const std::string& where, std::initializer_list<std::string_view> known) {
    return map(tree, where, Words(known.begin(), known.size()));
  }
  std::optional<std::string> text(const Tree& tree, const std::string& where, size_t bytes_max = 1024);
  std::optional<int64_t> integer(const Tree& tree, const std::string& where, int64_t low, int64_t high);
  std::optional<bool> boolean(const Tree& tree, const std::string& where);
  // The index of the word in `words`.
  std::optional<size_t> word(const Tree& tree, const std::string& where,
                             std::initializer_list<std::string_view> words);

  [[nodiscard]] const std::string& file() const { return file_; }

 private:
  void unknown_key(const Tree::Name& name, const std::string& where, Words known);
  std::string file_;
  Problems& problems_;
};

}  // namespace warden::policy
