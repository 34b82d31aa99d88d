// SPDX-License-Identifier: Apache-2.0
// API tokens of services, recognised by the prefix their issuer gave them; where the issuer put a checksum or
// a fixed mark inside, it is checked.
#include <algorithm>
#include <array>

#include "policy/classify/chars.h"
#include "policy/classify/checks.h"
#include "policy/classify/placeholder.h"
#include "policy/classify/tables.h"

namespace warden::classify {
namespace {

bool url_safe(char c) {
  return is_alnum(c) || c == '-' || c == '_';
}
bool dotted(char c) {
  return url_safe(c) || c == '.';
}
bool alnum(char c) {
  return is_alnum(c);
}

// The run of `allowed` characters behind the prefix, when the prefix begins a token.
std::string_view body_of(const Candidate& c, bool (*allowed)(char), size_t longest) {
  const char before = at_or_nul(c.text, c.span.begin - 1);
  if (is_word(before) || before == '_') return {};
  size_t end = c.span.end;
  while (end < c.text.size() && end - c.span.end < longest + 1 && allowed(c.text[end])) ++end;
  return c.text.substr(c.span.end, end - c.span.end);
}

bool accept(const Candidate& c, Match& match, std::string_view body, Tier tier, uint8_t confidence) {
  match.span = {c.span.begin, c.span.end + static_cast<uint32_t>(body.size())};
  match.tier = is_filler(body) ? Tier::suppressed : tier;
  match.confidence = confidence;
  return true;
}

// CRC-32 of `payload` in base 62 (0-9A-Za-z), six digits: the scheme of GitHub and npm.
bool crc_base62(std::string_view payload, std::string_view check) {
  constexpr std::string_view digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::array<char, 6> want{};
  uint32_t rest = crc32(payload);
  for (size_t i = want.size(); i-- > 0; rest /= 62) want[i] = digits[rest % 62];
  return check == std::string_view(want.data(), want.size());
}

// 30 random characters and the checksum of them; npm uses the same scheme.
bool github(const Candidate& c, Match& match) {
  const std::string_view body = body_of(c, alnum, 36);
  if (body.size() != 36) return false;
  const bool checked = crc_base62(body.substr(0, 30), body.substr(30));
  return accept(c, match, body, checked ? Tier::validated : Tier::asserted, checked ? 99 : 70);
}

bool github_fine(const Candidate& c, Match& match) {
  const std::string_view body = body_of(
      c, [](char x) { return is_alnum(x) || x == '_'; }, 82);
  if (body.size() != 82 || body[22] != '_') return false;
  return accept(c, match, body, Tier::validated, 96);
}

// Routable tokens end in ".", two digits of the payload's length and seven of a CRC-32, base 36 (GitLab,
// since 17.x).
bool gitlab_checksum(std::string_view token) {
  constexpr std::string_view digits = "0123456789abcdefghijklmnopqrstuvwxyz";
  std::array<char, 7> want{};
  uint32_t rest = crc32(token.substr(0, token.size() - 7));
  for (size_t i = want.size(); i-- > 0; rest /= 36) want[i] = digits[rest % 36];
  return token.ends_with(std::string_view(want.data(), want.size()));
}

bool gitlab(const Candidate& c, Match& match) {
  std::string_view body = body_of(c, dotted, 300);
  while (!body.empty() && body.back() == '.') body.remove_suffix(1);
  const size_t dot = body.rfind('.');
  if (dot != std::string_view::npos && body.size() - dot == 10 && dot >= 20) {
    const bool checked =
        gitlab_checksum(c.text.substr(c.span.begin, c.span.end - c.span.begin + body.size()));
    return accept(c, match, body, checked ? Tier::validated : Tier::asserted, checked ? 99 : 85);
  }
  body = body.substr(0, body.find('.'));
  return body.size() >= 20 && body.size() <= 64 && accept(c, match, body, Tier::validated, 95);
}

bool openai(const Candidate& c, Match& match) {
  const std::string_view body = body_of(c, url_safe, 256);
  if (body.starts_with("ant-") || body.size() < 20) return false;
  const size_t mark = body.find("T3BlbkFJ");  // "OpenAI" in base64
  if (mark != std::string_view::npos && mark >= 16 && body.size() - mark >= 20)
    return accept(c, match, body, Tier::validated, 99);
  const bool named = body.starts_with("proj-") || body.starts_with("svcacct-") || body.starts_with("admin-");
  if (named && body.size() >= 40) return accept(c, match, body, Tier::asserted, 85);
  const bool plain =
      body.size() >= 32 && body.size() <= 64 && std::all_of(body.begin(), body.end(), is_alnum);
  return plain && entropy_centibits(body) >= 380 && accept(c, match, body, Tier::asserted, 70);
}

bool anthropic(const Candidate& c, Match& match) {
  const std::string_view body = body_of(c, url_safe, 256);
  const size_t dash = body.find('-');
  if (dash == std::string_view::npos || dash > 12 || body.size() < dash + 41) return false;
  const bool complete = body.size() - dash - 1 == 95 && body.ends_with("AA");
  return accept(c, match, body, complete ? Tier::validated : Tier::asserted, complete ? 99 : 85);
}

// xoxb-<digits>-<digits>-<secret>; older and rotated forms have other segments.
bool slack(const Candidate& c, Match& match) {
  const std::string_view body = body_of(c, url_safe, 512);
  if (body.size() < 20 || !std::any_of(body.begin(), body.end(), is_digit)) return false;
  const size_t dash = body.find('-');
  const bool numbered = dash != std::string_view::npos && dash >= 9 &&
                        std::all_of(body.begin(), body.begin() + static_cast<ptrdiff_t>(dash), is_digit);
  const bool app = body.starts_with("1-A");
  return accept(c, match, body, numbered || app ? Tier::validated : Tier::asserted,
                numbered || app ? 97 : 80);
}

bool slack_hook(const Candidate& c, Match& match) {
  const std::string_view body = body_of(
      c, [](char x) { return is_alnum(x) || x == '/'; }, 120);
  const auto parts = std::count(body.begin(), body.end(), '/');
  if (parts != 2 || body.size() < 30 || (body[0] != 'T' && body[0] != 'E')) return false;
  return accept(c, match, body, Tier::validated, 96);
}

bool stripe(const Candidate& c, Match& match) {
  const std::string_view body = body_of(c, alnum, 250);
  if (body.size() < 16) return false;
  const bool test = c.text.substr(c.span.begin, c.span.end - c.span.begin).ends_with("_test_");
  return accept(c, match, body, Tier::validated, test ? 70 : 97);
}

bool gcp(const Candidate& c, Match& match) {
  const std::string_view body = body_of(c, url_safe, 35);
  if (body.size() != 35 || entropy_centibits(body) < 350) return false;
  return accept(c, match, body, Tier::validated, 95);
}

constexpr Detector kRows[] = {
    {"secret.github",
     "secret",
     Trigger::literal,
     github,
     0,
     "github|gh token",
     "ghp_|gho_|ghu_|ghs_|ghr_",
     {},
     80,
     85},
    {"secret.npm", "secret", Trigger::literal, github, 0, "npm|npm token", "npm_", {}, 80, 85},
    {"secret.github_fine", "secret", Trigger::literal, github_fine, 0, {}, "github_pat_", {}, 0, 0},
    {"secret.gitlab",
     "secret",
     Trigger::literal,
     gitlab,
     0,
     {},
     "glpat-|glrt-|gldt-|glcbt-|glptt-|glft-|glimt-|glagent-|glsoat-|gloas-|glffct-",
     {},
     0,
     0},
    {"secret.openai", "secret", Trigger::literal, openai, 0, "openai|openai api key", "sk-", {}, 85, 90},
    {"secret.anthropic", "secret", Trigger::literal, anthropic, 0, {}, "sk-ant-", {}, 0, 0},
    {"secret.slack",
     "secret",
     Trigger::literal,
     slack,
     0,
     {},
     "xoxa-|xoxb-|xoxe-|xoxe.|xoxo-|xoxp-|xoxr-|xoxs-|xapp-",
     {},
     0,
     0},
    {"secret.slack",
     "secret",
     Trigger::literal,
     slack_hook,
     0,
     {},
     "hooks.slack.com/services/|hooks.slack.com/workflows/",
     {},
     0,
     0},
    {"secret.stripe",
     "secret",
     Trigger::literal,
     stripe,
     0,
     {},
     "sk_live_|rk_live_|sk_test_|rk_test_|whsec_",
     "SKTEST4EC39HQLYJWDARJTT1ZDP7DC|SKTESTBQOKIKJOVBII2HLWGH4OLFQ2|SKTESTTR3PYBCVNZZ796TH88S4VQ2U",
     0,
     0},
    {"secret.gcp_api_key", "secret", Trigger::literal, gcp, 0, {}, "AIza", {}, 0, 0},
};

}  // namespace

std::span<const Detector> token_detectors() {
  return kRows;
}

}  // namespace warden::classify
