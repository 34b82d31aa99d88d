// SPDX-License-Identifier: Apache-2.0
// The rules that are met for one exchange: shared by decide() and explain(). Internal to policy/.
#pragma once

#include <vector>

#include "policy/decide/program.h"

namespace warden::policy {

struct Match {
  const Rule* rule = nullptr;
  Truth truth = Truth::yes;  // yes, or unknown (block and redact only)
  [[nodiscard]] std::string_view unresolved(const View& view) const;  // of an unknown one: the fact
};

// Reused from decision to decision, so that deciding allocates only what it returns.
struct Matches {
  std::vector<const Fact*> slots;
  std::vector<uint64_t> candidates;
  std::vector<Match> list;  // in the bundle's order
};

// The view points into `facts` and `out`.
View find_matches(const Program& program, const Facts& facts, bool data_known, Matches& out);

// The truth of a rule: that of its condition, except that a redact rule must know what to edit, and have
// something.
Truth rule_truth(const Rule& rule, const View& view);

}  // namespace warden::policy
