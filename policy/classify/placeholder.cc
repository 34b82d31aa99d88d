// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/placeholder.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <string>

#include "policy/classify/chars.h"
#include "policy/classify/checks.h"

namespace warden::classify {
namespace {

constexpr std::string_view kNoValue[] = {
    "null",     "nil",      "none",  "undefined", "true",    "false",   "string",   "str",     "text",
    "varchar",  "char",     "bool",  "boolean",   "int",     "integer", "object",   "any",     "bytes",
    "required", "optional", "empty", "unset",     "hidden",  "masked",  "redacted", "removed", "prompt",
    "auto",     "self",     "this",  "password",  "passwd",  "pwd",     "pass",     "token",   "secret",
    "key",      "username", "user",  "value",     "default", "env",     "n/a",      "na"};
constexpr std::string_view kStandIns[] = {
    "changeme",   "change me",   "change_me", "change-me", "yourpassword", "mypassword", "your",
    "example",    "placeholder", "dummy",     "sample",    "xxxx",         "insert",     "replace",
    "todo",       "fixme",       "<",         "foobar",    "redacted",     "removed",    "s3cr3t",
    "notasecret", "not-a-secret"};
constexpr std::string_view kReferences[] = {
    "${",         "%s",     "{{",       "}}",   "$(",       "%(",      "#{",    "<%",       "process.env",
    "os.environ", "getenv", "env.",     "env[", "secrets.", "config.", "self.", "this.",
    "args.",      "vault:", "function", "=>",   "&&",       "||",      "\\n",   "::"};

// `text` in small letters; the end of a very long one says no more than its beginning.
class Lower {
 public:
  explicit Lower(std::string_view text) : size_(std::min(text.size(), bytes_.size())) {
    std::transform(text.begin(), text.begin() + static_cast<ptrdiff_t>(size_), bytes_.begin(), lower);
    for (size_t i = 0; i < size_; ++i) has_.set(static_cast<unsigned char>(bytes_[i]));
  }
  [[nodiscard]] bool contains(std::string_view part) const {
    return has_[static_cast<unsigned char>(part.front())] && has_[static_cast<unsigned char>(part.back())] &&
           std::string_view(bytes_.data(), size_).find(part) != std::string_view::npos;
  }

 private:
  std::array<char, 1024> bytes_;
  std::bitset<256> has_;
  size_t size_;
};

bool contains_nocase(std::string_view text, std::string_view part) {
  return Lower(text).contains(part);
}

template <class List>
bool equals_one(const List& list, std::string_view value) {
  return std::any_of(std::begin(list), std::end(list),
                     [&](std::string_view one) { return equals_nocase(one, value); });
}

template <class List>
bool contains_one(const List& list, const Lower& value) {
  return std::any_of(std::begin(list), std::end(list), [&](std::string_view one) { return value.contains(one); });
}

bool is_mask(std::string_view value) {
  return std::all_of(
             value.begin(), value.end(),
             [](char c) { return c == '*' || c == '.' || c == '-' || c == '_' || c == '#' || c == '?'; }) ||
         (all_same(value) && value.size() > 2) || contains_nocase(value, "***");
}

}  // namespace

SecretKind secret_kind(std::string_view value) {
  if (value.empty()) return SecretKind::reference;
  const char first = value.front();
  const bool variable = (first == '$' || first == '%' || first == '@' || first == '&') && value.size() > 1 &&
                        std::all_of(value.begin() + 1, value.end(),
                                    [](char c) { return is_alnum(c) || c == '_' || c == '%' || c == '.'; }) &&
                        !std::any_of(value.begin(), value.end(), is_digit);
  if (variable || (value.find('(') != std::string_view::npos && value.find(')') != std::string_view::npos))
    return SecretKind::reference;
  const Lower folded(value);
  if (contains_one(kReferences, folded)) return SecretKind::reference;
  if (first == '<' || (first == '[' && value.back() == ']') || (first == '{' && value.back() == '}'))
    return SecretKind::reference;
  if (equals_one(kNoValue, value)) return SecretKind::reference;
  if (is_mask(value) || contains_one(kStandIns, folded)) return SecretKind::placeholder;
  return SecretKind::value;
}

bool is_weak_password(std::string_view value) {
  constexpr std::string_view words[] = {"test",  "testing",  "tester", "testpass", "testuser",   "admin",  "root",    "guest",   "demo",   "user",
                                        "pass",  "mypass",   "secret", "password", "mypassword", "passwd", "pw",      "pwd",     "foo",    "bar",
                                        "foobar", "baz",     "qux",    "hello",    "qwerty",     "abc",    "letmein", "temp",    "tmp",    "fake",
                                        "mock",  "postgres", "mysql",  "redis",    "mongo",      "rabbit", "none",    "nopass",  "invalid", "wrong",
                                        "correct", "bad",    "good",   "old",      "new",        "some",   "any",     "abcdef",  "asdf"};
  constexpr size_t kNumberMax = 16;  // a longer one is random, or another form of something
  const bool number = value.size() <= kNumberMax;
  while (!value.empty() && (is_digit(value.back()) || value.back() == '!')) value.remove_suffix(1);
  if (value.empty()) return number;
  if (equals_one(words, value)) return true;
  constexpr std::string_view parts[] = {"password", "passwd", "secret", "test", "mypass", "demo", "fake", "mock"};
  return value.find(' ') == std::string_view::npos && contains_one(parts, Lower(value));
}

bool is_filler(std::string_view body) {
  constexpr std::string_view parts[] = {"example", "xxxx", "your", "abcdefgh", "12345678", "placeholder"};
  return distinct(body) < 6 || contains_one(parts, Lower(body));
}

}  // namespace warden::classify
