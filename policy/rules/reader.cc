// SPDX-License-Identifier: Apache-2.0
#include "policy/rules/reader.h"

#include <algorithm>
#include <charconv>

namespace warden::policy {
namespace {

std::string listed(std::span<const std::string_view> words) {
  std::string text;
  for (const std::string_view word : words) text += (text.empty() ? "" : ", ") + std::string(word);
  return text;
}

}  // namespace

void Problems::add(BundleError code, const std::string& file, int line, int column, const std::string& what) {
  if (count_ == 0) code_ = code;
  if (++count_ > kShownMax) return;
  if (!text_.empty()) text_ += '\n';
  text_ += file;
  if (line > 0) text_ += ':' + std::to_string(line) + ':' + std::to_string(column);
  text_ += ": " + what;
}

std::unexpected<Error<BundleError>> Problems::error() const {
  std::string text = text_;
  if (count_ > kShownMax) text += "\nand " + std::to_string(count_ - kShownMax) + " more";
  return fail(code_, std::move(text));
}

std::string shown(std::string_view text) {
  std::string out = "\"";
  for (const char c : text.substr(0, 64)) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  return out + (text.size() > 64 ? "...\"" : "\"");
}

std::optional<int64_t> to_integer(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

void Reader::report(BundleError code, const Tree& at, const std::string& what) {
  problems_.add(code, file_, at.line, at.column, what);
}

void Reader::unknown_key(const Tree::Name& name, const std::string& where, Words known) {
  problems_.add(BundleError::unknown_name, file_, name.line, name.column,
                "unknown key " + shown(name.text) + " in " + where + "; known here: " + listed(known));
}

bool Reader::map(const Tree& tree, const std::string& where, Words known) {
  if (!tree.is_map()) return invalid(tree, where + " must be a map"), false;
  for (const Tree::Name& name : tree.names)
    if (std::ranges::find(known, name.text) == known.end()) unknown_key(name, where, known);
  return true;
}

std::optional<std::string> Reader::text(const Tree& tree, const std::string& where, size_t bytes_max) {
  if (!tree.is_scalar()) return invalid(tree, where + " must be a text"), std::nullopt;
  if (tree.text.empty()) return invalid(tree, where + " must not be empty"), std::nullopt;
  if (tree.text.size() > bytes_max)
    return invalid(tree, where + " is longer than " + std::to_string(bytes_max) + " bytes"), std::nullopt;
  const auto control = [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7f;
  };
  if (std::ranges::any_of(tree.text, control))
    return invalid(tree, where + " holds a control byte"), std::nullopt;
  return tree.text;
}

std::optional<int64_t> Reader::integer(const Tree& tree, const std::string& where, int64_t low,
                                       int64_t high) {
  const auto number = tree.is_scalar() && !tree.quoted ? to_integer(tree.text) : std::nullopt;
  if (!number || *number < low || *number > high) {
    std::string range;
    if (low > INT64_MIN) range += " from " + std::to_string(low);
    if (high < INT64_MAX) range += " to " + std::to_string(high);
    return invalid(tree, where + " must be a whole number" + range), std::nullopt;
  }
  return number;
}

std::optional<bool> Reader::boolean(const Tree& tree, const std::string& where) {
  if (tree.is_scalar() && !tree.quoted && tree.text == "true") return true;
  if (tree.is_scalar() && !tree.quoted && tree.text == "false") return false;
  return invalid(tree, where + " must be true or false"), std::nullopt;
}

std::optional<size_t> Reader::word(const Tree& tree, const std::string& where,
                                   std::initializer_list<std::string_view> words) {
  const auto* at = tree.is_scalar() ? std::ranges::find(words, tree.text) : words.end();
  if (at == words.end())
    return invalid(tree, where + " must be one of: " + listed({words.begin(), words.size()})), std::nullopt;
  return static_cast<size_t>(at - words.begin());
}

}  // namespace warden::policy
