// SPDX-License-Identifier: Apache-2.0
// The closed list of facts a rule may name, with the type of each. Open at two places only:
// identity.pod.label.* and host.* (an operator's own labels). Source: the "Meaning" section of
// policy/rules/FORMAT.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace warden::policy {

enum class FactType : uint8_t {
  text,
  texts,  // several values; a condition holds when any of them satisfies it
  integer,
  boolean,
  date,  // YYYY-MM-DD, so that comparing text compares time
};

std::optional<FactType> fact_type(std::string_view name);

// True for "identity.pod" and the like: not a fact itself, but the beginning of one.
bool is_fact_prefix(std::string_view name);

// A known name close to `name`, for "did you mean"; empty when nothing is near.
std::string_view nearest_fact(std::string_view name);

// The closed words of a finding's `where` and `tier` (policy/classify/segment.h and finding.h), as storage
// that lives for ever, since DataFact borrows them. Empty view: no such word.
std::string_view where_word(std::string_view text);
std::string_view tier_word(std::string_view text);

}  // namespace warden::policy
