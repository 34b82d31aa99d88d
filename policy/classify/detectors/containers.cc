// SPDX-License-Identifier: Apache-2.0
// Secrets with a structure of their own: JWT (RFC 7519), PEM private keys (RFC 7468), credentials in URLs
// (RFC 3986 3.2.1).
#include <algorithm>
#include <string>

#include "agent/base/bytes.h"
#include "policy/classify/chars.h"
#include "policy/classify/checks.h"
#include "policy/classify/placeholder.h"
#include "policy/classify/tables.h"

namespace warden::classify {
namespace {

constexpr size_t kPemMax = 32 * 1024;
constexpr size_t kJwtMax = 16 * 1024;
constexpr size_t kUserInfoMax = 512;

bool url_safe(char c) {
  return is_alnum(c) || c == '-' || c == '_';
}

size_t run_end(std::string_view text, size_t at, size_t limit) {
  while (at < text.size() && at < limit && url_safe(text[at])) ++at;
  return at;
}

bool jwt(const Candidate& c, Match& match) {
  const size_t begin = c.span.begin;
  if (is_word(at_or_nul(c.text, begin - 1)) || at_or_nul(c.text, begin - 1) == '.') return false;
  const size_t limit = begin + kJwtMax;
  const size_t first = run_end(c.text, begin, limit);
  if (at_or_nul(c.text, first) != '.') return false;
  const size_t second = run_end(c.text, first + 1, limit);
  if (second - first < 5 || at_or_nul(c.text, second) != '.') return false;
  const size_t end = run_end(c.text, second + 1, limit);
  const auto header = from_base64url(c.text.substr(begin, first - begin));
  if (!header || header->find("\"alg\"") == std::string::npos || header->back() != '}') return false;
  const std::string_view signature = c.text.substr(second + 1, end - second - 1);
  match.span.end = static_cast<uint32_t>(end);
  match.confidence = 98;
  // The token that jwt.io shows to every reader.
  if (signature == "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c" ||
      signature == "TJVA95OrM7E2cBab30RMHrHDcEfxjoYZgeFONFh7HgQ") {
    match.tier = Tier::suppressed;
  }
  return true;
}

// The base64 of a PEM body alone; header fields (RFC 1421: "Proc-Type: ...") and line ends are skipped.
std::string pem_base64(std::string_view body, bool& encrypted) {
  std::string out;
  while (!body.empty()) {
    const size_t eol = std::min(body.find('\n'), body.size());
    std::string_view line = body.substr(0, eol);
    body.remove_prefix(std::min(eol + 1, body.size()));
    if (line.find(": ") != std::string_view::npos) {
      encrypted = encrypted || line.find("ENCRYPTED") != std::string_view::npos;
      continue;
    }
    while (!line.empty() && (is_space(line.front()) || line.front() == '>' || line.front() == '"'))
      line.remove_prefix(1);
    for (const char x : line) {
      if (is_alnum(x) || x == '+' || x == '/') out += x;
    }
  }
  return out;
}

bool pem(const Candidate& c, Match& match) {
  const std::string_view tail = c.text.substr(c.span.end, kPemMax);
  const size_t dashes = tail.find("-----");
  if (dashes == std::string_view::npos || dashes > 40) return false;
  const std::string_view label = tail.substr(0, dashes);
  if (!label.ends_with("PRIVATE KEY") && !label.ends_with("PRIVATE KEY BLOCK")) return false;
  const size_t start = dashes + 5;
  const size_t close = tail.find("-----END ", start);
  const size_t body_end = close == std::string_view::npos ? tail.size() : close;
  bool encrypted = label.starts_with("ENCRYPTED");
  const std::string body = pem_base64(tail.substr(start, body_end - start), encrypted);
  size_t end = body_end;
  if (close != std::string_view::npos) {
    const size_t last = tail.find("-----", close + 9);
    end = last == std::string_view::npos ? tail.size() : last + 5;
  } else {  // cut off: what still looks like the body
    end = start;
    while (end < tail.size() && (is_alnum(tail[end]) || is_space(tail[end]) ||
                                 std::string_view("+/=").find(tail[end]) != std::string_view::npos))
      ++end;
  }
  match.span.end = c.span.end + static_cast<uint32_t>(end);
  // DER SEQUENCE, "openssh-key-v1", or ciphertext: all begin recognisably.
  const bool begins = body.starts_with("MI") || body.starts_with("MC") || body.starts_with("MF") ||
                      body.starts_with("MH") || body.starts_with("b3BlbnNzaC1rZXkt") ||
                      body.starts_with("l") || encrypted;
  const bool real = body.size() >= 48 && begins;
  match.tier =
      real ? Tier::validated : (body.size() < 24 || is_filler(body) ? Tier::suppressed : Tier::asserted);
  match.confidence = real ? 99 : 75;
  return true;
}

bool scheme_before(std::string_view text, uint32_t at) {
  uint32_t begin = at;
  while (begin > 0 && at - begin < 24 &&
         (is_alnum(text[begin - 1]) || text[begin - 1] == '+' || text[begin - 1] == '-'))
    --begin;
  return at - begin >= 2 && is_alpha(text[begin]);
}

// The password alone is the finding, so that a redacted URL still tells where it leads.
bool url_userinfo(const Candidate& c, Match& match) {
  if (!scheme_before(c.text, c.span.begin)) return false;
  const std::string_view rest = c.text.substr(c.span.end, kUserInfoMax);
  const size_t stop = std::min(rest.find_first_of(" \t\r\n\"'`<>\\/,"), rest.size());
  const size_t at = rest.substr(0, stop).rfind('@');
  if (at == std::string_view::npos || !is_word(at_or_nul(rest, at + 1))) {
    if (at == std::string_view::npos ||
        std::string_view("[{$%<(").find(at_or_nul(rest, at + 1)) == std::string_view::npos)
      return false;
  }
  const size_t colon = rest.substr(0, at).find(':');
  if (colon == std::string_view::npos || colon + 1 >= at) return false;
  const std::string_view password = rest.substr(colon + 1, at - colon - 1);
  const SecretKind kind = secret_kind(password);
  const bool named = equals_nocase(password, "password") || equals_nocase(password, "pass") ||
                     equals_nocase(password, "secret") || equals_nocase(password, "passwd") ||
                     equals_nocase(password, "pwd") || equals_nocase(password, "token");
  if (kind == SecretKind::reference && !named) return false;
  match.span = {c.span.end + static_cast<uint32_t>(colon) + 1, c.span.end + static_cast<uint32_t>(at)};
  match.tier = named || kind == SecretKind::placeholder || is_weak_password(password) ? Tier::suppressed : Tier::validated;
  match.confidence = 92;
  if (password.size() < 3 || rest.substr(0, colon) == password) {  // a default login
    match.tier = std::min(match.tier, Tier::asserted);
    match.confidence = 60;
  }
  return true;
}

constexpr Detector kRows[] = {
    {"secret.jwt", "secret", Trigger::literal, jwt, 0, {}, "eyJ", {}, 0, 0},
    {"secret.private_key_pem", "secret", Trigger::literal, pem, 0, {}, "-----BEGIN ", {}, 0, 0},
    {"pii.url_userinfo", "secret", Trigger::literal, url_userinfo, 0, {}, "://", {}, 0, 0},
};

}  // namespace

std::span<const Detector> container_detectors() {
  return kRows;
}

}  // namespace warden::classify
