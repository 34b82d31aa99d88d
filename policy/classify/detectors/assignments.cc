// SPDX-License-Identifier: Apache-2.0
// Secrets known by the name they are assigned to: `password = "..."`, `"api_key": "..."`, `--password ...`, a
// JSON member or header of that name. Nothing in the value proves it, so these are `asserted`; most of the
// work is telling values from code.
#include <algorithm>
#include <optional>

#include "agent/base/bytes.h"
#include "policy/classify/chars.h"
#include "policy/classify/checks.h"
#include "policy/classify/layers.h"
#include "policy/classify/placeholder.h"
#include "policy/classify/tables.h"

namespace warden::classify {
namespace {

constexpr size_t kNameTailMax = 24;
constexpr size_t kValueMax = 256;

// "PublicKeyToken", "public_key": not secret by name.
bool ends_about_public(std::string_view before) {
  while (!before.empty() && (before.back() == '_' || before.back() == '-')) before.remove_suffix(1);
  for (const std::string_view word : {"public", "publickey", "csrf", "next", "page"}) {
    if (before.size() >= word.size() && equals_nocase(before.substr(before.size() - word.size()), word))
      return true;
  }
  return false;
}

struct Assigned {
  Extent span;
  bool quoted = false;
};

bool name_char(char c) {
  return is_alnum(c) || c == '_' || c == '-' || c == '.';
}
bool quote(char c) {
  return c == '"' || c == '\'' || c == '`';
}

// A name that goes on into one of these is about the secret and does not hold it.
constexpr std::string_view kAbout[] = {
    "hash",    "file",    "path",  "field",    "length", "len",     "min",  "max",  "policy",
    "reset",   "url",     "uri",   "prompt",   "label",  "hint",    "name", "type", "input",
    "error",   "valid",   "check", "expir",    "age",    "count",   "id",   "form", "column",
    "encoder", "manager", "less",  "strength", "regex",  "pattern", "salt"};

bool about_secret(std::string_view tail) {
  while (!tail.empty() && !is_alnum(tail.front())) tail.remove_prefix(1);
  return std::any_of(std::begin(kAbout), std::end(kAbout), [&](std::string_view word) {
    return tail.size() >= word.size() && equals_nocase(tail.substr(0, word.size()), word);
  });
}

// Behind the name: closing quote or bracket, blanks, and the operator. Returns where the value begins.
std::optional<size_t> past_operator(std::string_view text, size_t at, bool option) {
  const size_t name_end = at;
  while (at < text.size() && at - name_end < 4 && (quote(text[at]) || text[at] == ']' || text[at] == '\\'))
    ++at;
  const size_t closed = at;
  while (at < text.size() && at - closed < 20 && is_blank(text[at])) ++at;
  const char c = at_or_nul(text, at);
  const char next = at_or_nul(text, at + 1);
  if (c == ':' && next == '=')
    at += 2;
  else if (c == '=' && next == '>')
    at += 2;
  else if (c == '=' && next != '=')
    ++at;
  else if (c == ':' && next != ':')
    ++at;
  else if (c == '>' && at == name_end)
    ++at;  // <password>...</password>
  else if (c == '(' && closed == name_end && quote(next))
    ++at;  // set_password("...")
  else if (quote(c) && at > closed && is_upper(at_or_nul(text, name_end - 1)))
    return at;  // SQL: PASSWORD '...'

  else if (option && at > name_end && closed == name_end)
    return at;  // --password value
  else if (text.substr(at, 3) == "is " && at > name_end)
    at += 3;
  else
    return std::nullopt;
  const size_t begin = at;
  while (at < text.size() && at - begin < 20 && is_blank(text[at])) ++at;
  if (at_or_nul(text, at) == '[' && (quote(at_or_nul(text, at + 1)) || at_or_nul(text, at + 1) == '\\'))
    ++at;  // a list of them
  return at;
}

std::optional<Assigned> value_at(std::string_view text, size_t at) {
  while (at_or_nul(text, at) == '\\') ++at;
  const char prefix = lower(at_or_nul(text, at));
  if ((prefix == 'u' || prefix == 'b' || prefix == 'r' || prefix == 'f' || prefix == '@') &&
      quote(at_or_nul(text, at + 1)))
    ++at;
  const char open = at_or_nul(text, at);
  const std::string_view rest = text.substr(std::min(text.size(), at + (quote(open) ? 1 : 0)), kValueMax);
  size_t size = 0;
  if (quote(open)) {
    size = rest.find(open);
    // A string that holds a JSON text goes on to its end.
    if (size != std::string_view::npos && size > 0 && rest[size - 1] == '\\' && rest[0] == '{') {
      while (size != std::string_view::npos && rest[size - 1] == '\\') size = rest.find(open, size + 1);
    }
    if (size == std::string_view::npos || rest.substr(0, size).find('\n') != std::string_view::npos)
      return std::nullopt;
    while (size > 0 && rest[size - 1] == '\\') --size;  // the quote of an escaped string
    ++at;
  } else {
    size = std::min(rest.find_first_of(" \t\r\n\"'`<>,;&)]}|"), rest.size());
    while (size > 0 && (rest[size - 1] == '.' || rest[size - 1] == ':' || rest[size - 1] == '\\')) --size;
  }
  return Assigned{{static_cast<uint32_t>(at), static_cast<uint32_t>(at + size)}, quote(open)};
}

std::optional<Assigned> assigned(const Candidate& c, bool any_prefix) {
  if (c.field) {
    Extent span{0, static_cast<uint32_t>(c.text.size())};
    while (span.begin < span.end && is_space(c.text[span.begin])) ++span.begin;
    while (span.end > span.begin && is_space(c.text[span.end - 1])) --span.end;
    if (span.end - span.begin > kValueMax) return std::nullopt;
    return Assigned{span, true};
  }
  const char before = at_or_nul(c.text, c.span.begin - 1);
  const bool camel = is_lower(before) && is_upper(c.text[c.span.begin]);
  if (!any_prefix && is_alnum(before) && !camel) return std::nullopt;
  size_t end = c.span.end;
  while (end < c.text.size() && end - c.span.end < kNameTailMax && name_char(c.text[end])) ++end;
  const std::string_view tail = c.text.substr(c.span.end, end - c.span.end);
  // "passenger", "tokenizer": another word. "tokens" is the plural.
  if (!tail.empty() && is_lower(tail.front()) && tail != "s" && is_lower(at_or_nul(c.text, c.span.end - 1)))
    return std::nullopt;
  // A method of it: password.encode("utf-8").
  if (tail.find('.') != std::string_view::npos && at_or_nul(c.text, end) == '(') return std::nullopt;
  if (about_secret(tail) || ends_about_public(c.text.substr(0, c.span.begin))) return std::nullopt;
  const bool option = before == '-' && at_or_nul(c.text, c.span.begin - 2) == '-' && tail.empty();
  const auto begin = past_operator(c.text, end, option);
  return begin ? value_at(c.text, *begin) : std::nullopt;
}

struct Make {
  bool letters = false, digits = false, marks = false, spaces = false;
};
Make make_of(std::string_view value) {
  Make make;
  for (const char c : value) {
    if (is_alpha(c) || static_cast<unsigned char>(c) >= 0x80)
      make.letters = true;
    else if (is_digit(c))
      make.digits = true;
    else if (is_space(c))
      make.spaces = true;
    else
      make.marks = true;
  }
  return make;
}

bool looks_like_code(std::string_view value) {
  const bool identifier = std::all_of(value.begin(), value.end(), [](char c) {
    return is_alnum(c) || c == '_' || c == '.' || c == '[' || c == ']';
  });
  const bool member = value.find('.') != std::string_view::npos || value.find('_') != std::string_view::npos;
  return identifier && member && !std::any_of(value.begin(), value.end(), is_digit);
}

bool password(const Candidate& c, Match& match) {
  const auto found = assigned(c, c.span.end - c.span.begin >= 6);
  if (!found) return false;
  const std::string_view value = c.text.substr(found->span.begin, found->span.end - found->span.begin);
  if (value.size() < 4 || value.size() > 128) return false;
  const SecretKind kind = secret_kind(value);
  const Make make = make_of(value);
  if (kind == SecretKind::reference || make.spaces || value.find("://") != std::string_view::npos)
    return false;
  const bool constant =
      is_upper(at_or_nul(c.text, c.span.end - 1));  // an environment variable: bare words are values
  if (!found->quoted && (looks_like_code(value) || !(make.digits || make.marks || constant))) return false;
  if (!found->quoted && value.find_first_of("({[$^") != std::string_view::npos) return false;
  if (!found->quoted && value.find("->") != std::string_view::npos) return false;
  if (!make.letters && (!make.digits || value.find('.') != std::string_view::npos)) return false;  // a number
  if (!make.digits && !make.marks && std::all_of(value.begin(), value.end(), is_upper))
    return false;  // a constant's name
  match.span = found->span;
  match.tier = kind == SecretKind::placeholder || is_weak_password(value) ? Tier::suppressed : Tier::asserted;
  const int kinds = (make.letters ? 1 : 0) + (make.digits ? 1 : 0) + (make.marks ? 1 : 0);
  match.confidence =
      static_cast<uint8_t>(50 + (found->quoted ? 10 : 0) + kinds * 10 - (value.size() < 6 ? 10 : 0));
  return true;
}

bool uuid_like(std::string_view value) {
  return value.size() == 36 && value[8] == '-' && value[13] == '-' && value[18] == '-' && value[23] == '-';
}

// A token has no words in it: letters and digits alternate often, or the entropy is high for its length.
bool random_looking(std::string_view value) {
  const auto uuid = [](char c) { return hex_value(c) >= 0 || c == '-'; };
  if (value.size() < 12 || (uuid_like(value) && std::all_of(value.begin(), value.end(), uuid))) return false;
  const bool alphabet = std::all_of(value.begin(), value.end(), [](char c) {
    return is_alnum(c) || std::string_view("+/=_-.~:%").find(c) != std::string_view::npos;
  });
  const Make make = make_of(value);
  if (!alphabet) return false;
  if (make.letters && make.digits && entropy_centibits(value) >= (value.size() >= 20 ? 320 : 290)) return true;
  return value.size() >= 16 && seldom_pairs(value) >= 25 && entropy_centibits(value) >= 280;
}

// A JSON text whose strings hold a token.
bool holds_token(std::string_view value) {
  if (!value.starts_with('{')) return false;
  for (size_t at = 0; at < value.size();) {
    size_t end = at;
    while (end < value.size() && is_alnum(value[end])) ++end;
    if (end - at >= 20 && random_looking(value.substr(at, end - at))) return true;
    at = end + 1;
  }
  return false;
}

// "the auth token 5f2a...": no operator, but what follows is a long token and nothing else.
std::optional<Assigned> token_behind(const Candidate& c) {
  if (c.field || !is_blank(at_or_nul(c.text, c.span.end)) || is_word(at_or_nul(c.text, c.span.begin - 1))) return std::nullopt;
  uint32_t end = c.span.end + 1;
  while (end < c.text.size() && end - c.span.end < kValueMax && is_alnum(c.text[end])) ++end;
  const std::string_view value = c.text.substr(c.span.end + 1, end - c.span.end - 1);
  const auto digits = std::count_if(value.begin(), value.end(), is_digit);
  if (value.size() < 32 || digits < 4 || digits > static_cast<ptrdiff_t>(value.size()) * 3 / 4) return std::nullopt;
  return Assigned{{c.span.end + 1, end}, false};
}

bool token_uuid(std::string_view value) {
  const auto part = [](char x) { return hex_value(x) >= 0 || x == '-'; };
  return uuid_like(value) && std::all_of(value.begin(), value.end(), part) && distinct(value) >= 8;
}

// Where a list of tokens ends whose first ends at `at`: ["5f2a...", "91bc..."] is redacted as one.
uint32_t list_end(std::string_view text, uint32_t at) {
  constexpr int longest = 32;
  uint32_t end = at;
  for (int i = 0; i < longest && quote(at_or_nul(text, at)) && at_or_nul(text, at + 1) == ','; ++i) {
    at += 2;
    while (is_space(at_or_nul(text, at))) ++at;
    const auto next = value_at(text, at);
    if (!next || !next->quoted || !random_looking(text.substr(next->span.begin, next->span.end - next->span.begin))) return end;
    at = end = next->span.end;
  }
  return end;
}

bool generic(const Candidate& c, Match& match) {
  auto found = assigned(c, true);
  if (!found) found = token_behind(c);
  if (!found) return false;
  std::string_view value = c.text.substr(found->span.begin, found->span.end - found->span.begin);
  Extent span = found->span;
  for (const std::string_view scheme : {"Bearer ", "bearer ", "Token ", "token ", "Basic "}) {
    if (!value.starts_with(scheme)) continue;
    value.remove_prefix(scheme.size());
    span.begin += static_cast<uint32_t>(scheme.size());
  }
  const bool inside = holds_token(value);
  const SecretKind kind = inside ? SecretKind::value : secret_kind(value);
  if (kind == SecretKind::reference || value.find("://") != std::string_view::npos) return false;
  if (!inside && !random_looking(value) && !token_uuid(value)) return false;
  match.span = {span.begin, list_end(c.text, span.end)};
  match.tier = kind == SecretKind::placeholder || is_filler(value) ? Tier::suppressed : Tier::asserted;
  match.confidence = found->quoted ? 75 : 65;
  return true;
}

// 40 characters of base64 that a name calls the secret half of an AWS key pair; 40 hex digits are a SHA-1.
bool aws_secret(const Candidate& c, Match& match) {
  const auto found = assigned(c, true);
  if (!found) return false;
  const std::string_view value = c.text.substr(found->span.begin, found->span.end - found->span.begin);
  const auto base64 = [](char x) { return is_alnum(x) || x == '+' || x == '/'; };
  if (value.size() != 40 || !std::all_of(value.begin(), value.end(), base64)) return false;
  if (std::all_of(value.begin(), value.end(), [](char x) { return hex_value(x) >= 0; }) ||
      entropy_centibits(value) < 400)
    return false;
  match.span = found->span;
  match.confidence = 95;
  if (value.ends_with("EXAMPLEKEY")) match.tier = Tier::suppressed;
  return true;
}

// Authorization: Bearer TOKEN, Basic base64(user:password) (RFC 6750, RFC 7617).
bool bearer(const Candidate& c, Match& match) {
  if (is_word(at_or_nul(c.text, c.span.begin - 1))) return false;
  size_t end = c.span.end;
  while (end < c.text.size() && end - c.span.end < 4096 &&
         (is_alnum(c.text[end]) || std::string_view("-._~+/=").find(c.text[end]) != std::string_view::npos))
    ++end;
  const std::string_view value = c.text.substr(c.span.end, end - c.span.end);
  const bool basic = lower(c.text[c.span.begin + 1]) == 'a';
  if (basic) {
    const auto decoded = from_base64(value);
    const bool pair = decoded && decoded->find(':') != std::string::npos && mostly_text(*decoded);
    const std::string_view bare = value.substr(0, value.find_last_not_of('=') + 1);
    const Make make = make_of(bare);
    const bool mixed = make.letters && (make.digits || seldom_pairs(bare) >= 25) && !make.marks && std::any_of(value.begin(), value.end(), is_upper) &&
                       std::any_of(value.begin(), value.end(), is_lower);
    if (!pair && !(mixed && value.size() >= 12)) return false;
    match.confidence = pair ? 90 : 60;
  } else if (!random_looking(value)) {
    return false;
  }
  match.span = {c.span.end, static_cast<uint32_t>(end)};
  match.tier = is_filler(value) ? Tier::suppressed : Tier::asserted;
  if (!basic) match.confidence = 80;
  return true;
}

constexpr Detector kRows[] = {
    {"secret.basic_bearer",
     "secret",
     Trigger::literal,
     bearer,
     0,
     {},
     "bearer |basic ",
     {},
     0,
     0,
     true},
    {"secret.aws_secret",
     "secret",
     Trigger::keyword,
     aws_secret,
     0,
     "aws secret access key|secret access key|aws secret key|aws secret|secret key",
     {},
     {},
     95,
     95},
    {"secret.password_assign",
     "secret",
     Trigger::keyword,
     password,
     0,
     "password|passwd|pw|passwort|passphrase|pass phrase|passcode|pwd|pass|contraseña|contrasena|kennwort|mot "
     "de passe|mdp|senha|wachtwoord|"
     "hasło|haslo|lösenord|adgangskode|salasana|пароль|パスワード|密码|parola",
     {},
     {},
     0,
     0},
    {"secret.generic_assign",
     "secret",
     Trigger::keyword,
     generic,
     0,
     "token|secret|api key|key auth|oauth verifier|session id|sessionid|connect.sid|phpsessid|jsessionid|auth.sid|access key|auth key|private key|client secret|app secret|app "
     "key|credential|credentials|authorization|consumer key|consumer secret|application key|application "
     "secret|oauth signature",
     {},
     {},
     0,
     0},
};

}  // namespace

std::span<const Detector> assignment_detectors() {
  return kRows;
}

}  // namespace warden::classify
