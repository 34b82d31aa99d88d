// SPDX-License-Identifier: Apache-2.0
#include "policy/decide/fact_names.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

namespace warden::policy {
namespace {

struct Named {
  std::string_view name;
  FactType type;
};

constexpr Named kFacts[] = {
    {"identity.user", FactType::text},
    {"identity.uid", FactType::integer},
    {"identity.group", FactType::texts},
    {"identity.loginuid", FactType::integer},
    {"identity.person", FactType::text},
    {"identity.exe", FactType::text},
    {"identity.exe_sha256", FactType::text},
    {"identity.argv", FactType::texts},
    {"identity.script", FactType::text},
    {"identity.script_sha256", FactType::text},
    {"identity.script_basis", FactType::text},
    {"identity.ancestor", FactType::texts},
    {"identity.ancestor_script", FactType::texts},
    {"identity.person_group", FactType::texts},
    {"identity.unit", FactType::text},
    {"identity.slice", FactType::text},
    {"identity.container.id", FactType::text},
    {"identity.container.runtime", FactType::text},
    {"identity.container.name", FactType::text},
    {"identity.container.image", FactType::text},
    {"identity.container.image_digest", FactType::text},
    {"identity.pod.namespace", FactType::text},
    {"identity.pod.name", FactType::text},
    {"identity.pod.uid", FactType::text},
    {"identity.pod.owner", FactType::text},
    {"identity.pod.service_account", FactType::text},
    {"destination.provider", FactType::text},
    {"destination.host", FactType::text},
    {"destination.api", FactType::text},
    {"destination.op", FactType::text},
    {"destination.model", FactType::text},
    {"destination.region", FactType::text},
    {"destination.credential", FactType::text},
    {"request.bytes", FactType::integer},
    {"request.stream", FactType::boolean},
    {"request.tools", FactType::texts},
    {"request.max_tokens", FactType::integer},
    {"time.date", FactType::date},
    {"time.weekday", FactType::text},
    {"time.hour", FactType::integer},
    {"time.minute", FactType::integer},
};

constexpr std::string_view kOpen[] = {"identity.container.label.", "identity.pod.label.", "host."};

constexpr std::string_view kWhere[] = {"system",      "user",     "assistant", "tool_definition", "tool_call",
                                       "tool_result", "file",     "embedding", "header",          "query",
                                       "path",        "response", "other"};
constexpr std::string_view kTiers[] = {"suppressed", "lexical", "asserted", "validated"};

std::string_view in(std::span<const std::string_view> words, std::string_view text) {
  const auto at = std::ranges::find(words, text);
  return at == words.end() ? std::string_view{} : *at;
}

// Levenshtein distance of two short names, one row at a time.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

std::optional<FactType> fact_type(std::string_view name) {
  for (const Named& fact : kFacts)
    if (fact.name == name) return fact.type;
  for (const std::string_view open : kOpen)
    if (name.starts_with(open) && name.size() > open.size()) return FactType::text;
  return std::nullopt;
}

bool is_fact_prefix(std::string_view name) {
  const auto begins = [name](std::string_view fact) {
    return fact.size() > name.size() && fact.starts_with(name) && fact[name.size()] == '.';
  };
  return std::ranges::any_of(kFacts, begins, &Named::name) || std::ranges::any_of(kOpen, begins);
}

std::string_view nearest_fact(std::string_view name) {
  std::string_view best;
  size_t least = 4;  // three edits away is no longer a slip of the finger
  if (name.size() > 64) return best;
  for (const Named& fact : kFacts) {
    const size_t d = distance(name, fact.name);
    if (d < least) {
      least = d;
      best = fact.name;
    }
  }
  return best;
}

std::string_view where_word(std::string_view text) {
  return in(kWhere, text);
}
std::string_view tier_word(std::string_view text) {
  return in(kTiers, text);
}

}  // namespace warden::policy
