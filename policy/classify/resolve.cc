// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/resolve.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace warden::classify {
namespace {

int sureness(Tier tier) {
  return tier == Tier::suppressed ? static_cast<int>(Tier::validated) : static_cast<int>(tier);
}

bool wins(const RankedFinding& a, const RankedFinding& b) {
  const auto key = [](const RankedFinding& r) {
    const Finding& f = r.finding;
    return std::make_tuple(f.segment, r.rank, -sureness(f.tier), -static_cast<int64_t>(f.end - f.begin),
                           f.begin, -static_cast<int>(f.confidence), f.detector, f.tier);
  };
  return key(a) < key(b);
}

bool earlier(const RankedFinding& a, const RankedFinding& b) {
  return std::tie(a.finding.segment, a.finding.begin) < std::tie(b.finding.segment, b.finding.begin);
}

}  // namespace

void resolve_overlaps(std::vector<RankedFinding>& findings) {
  if (findings.size() < 2) return;
  std::sort(findings.begin(), findings.end(), wins);
  using Place = std::tuple<uint32_t, uint32_t, uint32_t>;  // segment, end, begin: what is taken, ordered
  std::set<Place> taken;
  std::vector<RankedFinding> kept;
  for (const RankedFinding& candidate : findings) {
    const Finding& f = candidate.finding;
    const auto next = taken.lower_bound({f.segment, f.begin + 1, 0});  // the first that ends after our begin
    if (next != taken.end() && std::get<0>(*next) == f.segment && std::get<2>(*next) < f.end) continue;
    taken.insert({f.segment, f.end, f.begin});
    kept.push_back(candidate);
  }
  std::sort(kept.begin(), kept.end(), earlier);
  findings = std::move(kept);
}

}  // namespace warden::classify
