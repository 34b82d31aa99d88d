// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/placeholder.h"

#include <algorithm>
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
    "${",         "{{",     "}}",       "$(",   "%(",       "#{",      "<%",    "process.env",
    "os.environ", "getenv", "env.",     "env[", "secrets.", "config.", "self.", "this.",
    "args.",      "vault:", "function", "=>",   "&&",       "||",      "\\n",   "::"};

bool contains_nocase(std::string_view text, std::string_view part) {
  return std::search(text.begin(), text.end(), part.begin(), part.end(),
                     [](char a, char b) { return lower(a) == lower(b); }) != text.end();
}

template <class List>
bool equals_one(const List& list, std::string_view value) {
  return std::any_of(std::begin(list), std::end(list),
                     [&](std::string_view one) { return equals_nocase(one, value); });
}

template <class List>
bool contains_one(const List& list, std::string_view value) {
  return std::any_of(std::begin(list), std::end(list),
                     [&](std::string_view one) { return contains_nocase(value, one); });
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
  if (variable || contains_one(kReferences, value)) return SecretKind::reference;
  if (value.find('(') != std::string_view::npos && value.find(')') != std::string_view::npos)
    return SecretKind::reference;
  if (first == '<' || (first == '[' && value.back() == ']') || (first == '{' && value.back() == '}'))
    return SecretKind::reference;
  if (equals_one(kNoValue, value)) return SecretKind::reference;
  if (is_mask(value) || contains_one(kStandIns, value)) return SecretKind::placeholder;
  return SecretKind::value;
}

bool is_weak_password(std::string_view value) {
  constexpr std::string_view words[] = {"test",  "testing",  "tester", "testpass", "testuser",   "admin",  "root",    "guest",   "demo",   "user",
                                        "pass",  "mypass",   "secret", "password", "mypassword", "passwd", "pw",      "pwd",     "foo",    "bar",
                                        "foobar", "baz",     "qux",    "hello",    "qwerty",     "abc",    "letmein", "temp",    "tmp",    "fake",
                                        "mock",  "postgres", "mysql",  "redis",    "mongo",      "rabbit", "none",    "nopass",  "invalid", "wrong",
                                        "correct", "bad",    "good",   "old",      "new",        "some",   "any",     "abcdef",  "asdf"};
  while (!value.empty() && (is_digit(value.back()) || value.back() == '!')) value.remove_suffix(1);
  if (value.empty() || equals_one(words, value)) return true;
  return value.find(' ') == std::string_view::npos &&
         (contains_nocase(value, "password") || contains_nocase(value, "passwd") || contains_nocase(value, "secret") ||
          contains_nocase(value, "test") || contains_nocase(value, "mypass") || contains_nocase(value, "demo") ||
          contains_nocase(value, "fake") || contains_nocase(value, "mock"));
}

bool is_filler(std::string_view body) {
  return distinct(body) < 6 || contains_nocase(body, "example") || contains_nocase(body, "xxxx") ||
         contains_nocase(body, "your") || contains_nocase(body, "abcdefgh") ||
         contains_nocase(body, "12345678") || contains_nocase(body, "placeholder");
}

}  // namespace warden::classify
