// SPDX-License-Identifier: Apache-2.0
// Ways to reach a person: e-mail addresses (RFC 5321 section 4.1.2, the dot-string subset).
#include <algorithm>

#include "policy/classify/chars.h"
#include "policy/classify/tables.h"

namespace warden::classify {
namespace {

constexpr uint32_t kLocalMax = 64;
constexpr uint32_t kDomainMax = 253;

bool local_char(char c) {
  return is_word(c) || std::string_view(".!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
}
bool domain_char(char c) {
  return is_word(c) || c == '-' || c == '.';
}

// What follows a dot in file names and code, and is no top-level domain.
constexpr std::string_view kNoTld[] = {"png",   "jpg",         "jpeg",     "gif", "svg",  "webp",  "js",
                                       "ts",    "jsx",         "tsx",      "css", "html", "json",  "xml",
                                       "yml",   "yaml",        "txt",      "pdf", "conf", "cfg",   "ini",
                                       "log",   "py",          "cpp",      "hpp", "java", "class", "service",
                                       "local", "localdomain", "internal", "lan", "exe",  "dll"};
constexpr std::string_view kReservedDomains[] = {"example.com", "example.org", "example.net", "example.edu"};
constexpr std::string_view kReservedTlds[] = {"example", "invalid", "test", "localhost"};
constexpr std::string_view kRoleNames[] = {"noreply", "no-reply",   "donotreply",   "do-not-reply",
                                           "git",     "postmaster", "mailer-daemon"};

template <class List>
bool listed(const List& list, std::string_view word) {
  return std::any_of(std::begin(list), std::end(list),
                     [&](std::string_view one) { return equals_nocase(one, word); });
}

bool labels_valid(std::string_view domain) {
  size_t labels = 0;
  while (!domain.empty()) {
    const size_t dot = std::min(domain.find('.'), domain.size());
    const std::string_view label = domain.substr(0, dot);
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
    ++labels;
    domain.remove_prefix(std::min(dot + 1, domain.size()));
  }
  return labels >= 2;
}

bool tld_valid(std::string_view tld) {
  if (tld.starts_with("xn--")) return tld.size() > 5;
  if (tld.size() < 2 || tld.size() > 24 || listed(kNoTld, tld)) return false;
  return std::all_of(tld.begin(), tld.end(), [](char c) { return is_word(c) && !is_digit(c); });
}

bool documented(std::string_view local, std::string_view domain, std::string_view tld) {
  if (listed(kReservedTlds, tld) || listed(kRoleNames, local)) return true;
  for (const std::string_view reserved : kReservedDomains) {
    if (domain.size() < reserved.size()) continue;
    const std::string_view tail = domain.substr(domain.size() - reserved.size());
    const bool whole = tail.size() == domain.size() || domain[domain.size() - tail.size() - 1] == '.';
    if (whole && equals_nocase(tail, reserved)) return true;
  }
  return false;
}

bool email(const Candidate& c, Match& match) {
  const uint32_t at = c.span.begin;
  uint32_t begin = at;
  while (begin > 0 && at - begin < kLocalMax && local_char(c.text[begin - 1])) --begin;
  // Quotes, slashes and assignment signs around the address are punctuation of the carrier.
  for (uint32_t i = begin; i < at; ++i) {
    const bool inside_name = c.text[i] == '\'' && i > begin && is_word(c.text[i - 1]);  // o'neill
    if (!inside_name && std::string_view("='/`?&|{}!#$*^").find(c.text[i]) != std::string_view::npos)
      begin = i + 1;
  }
  while (begin < at && (c.text[begin] == '.' || c.text[begin] == '-' || c.text[begin] == '\'')) ++begin;
  if (begin == at || c.text[at - 1] == '.') return false;
  uint32_t end = at + 1;
  while (end < c.text.size() && end - at <= kDomainMax && domain_char(c.text[end])) ++end;
  while (end > at + 1 && (c.text[end - 1] == '.' || c.text[end - 1] == '-')) --end;
  const std::string_view domain = c.text.substr(at + 1, end - at - 1);
  const size_t dot = domain.rfind('.');
  if (dot == std::string_view::npos || at_or_nul(c.text, end) == '@') return false;
  const std::string_view tld = domain.substr(dot + 1);
  const std::string_view local = c.text.substr(begin, at - begin);
  if (!tld_valid(tld) || !labels_valid(domain) || local.find("..") != std::string_view::npos) return false;
  match.span = {begin, end};
  match.confidence = 95;
  if (documented(local, domain, tld)) match.tier = Tier::suppressed;
  return true;
}

constexpr Detector kRows[] = {
    {"pii.email",
     "pii.contact",
     Trigger::at_sign,
     email,
     0,
     "email|e mail|mail|mailto|correo|courriel",
     {},
     {},
     95,
     95},
};

}  // namespace

std::span<const Detector> contact_detectors() {
  return kRows;
}

}  // namespace warden::classify
