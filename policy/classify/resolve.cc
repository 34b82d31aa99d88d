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

// Drops the findings, but for secrets, that lie strictly inside an encoded one; of two in one encoding the surer stays.
void drop_digits_of_encodings(std::vector<RankedFinding>& findings) {
  std::vector<Finding> runs;
  for (const RankedFinding& one : findings) {
    if (one.encoded && one.finding.tier != Tier::suppressed) runs.push_back(one.finding);
  }
  if (runs.empty()) return;
  const auto place = [](const Finding& f) { return std::make_tuple(f.segment, f.begin); };
  std::sort(runs.begin(), runs.end(), [&](const Finding& a, const Finding& b) { return place(a) < place(b); });
  for (size_t i = 1; i < runs.size(); ++i) {
    if (runs[i].segment == runs[i - 1].segment && runs[i].end < runs[i - 1].end) runs[i] = runs[i - 1];  // the run that reaches furthest
  }
  std::erase_if(findings, [&](const RankedFinding& one) {
    const Finding& f = one.finding;
    const auto after = std::partition_point(runs.begin(), runs.end(), [&](const Finding& run) { return place(run) <= place(f); });
    if (after == runs.begin()) return false;
    const Finding& run = *(after - 1);
    // What hides in an encoding is more than the encoding's own look.
    const bool covered = run.segment == f.segment && run.end >= f.end;
    if (covered && f.tier == Tier::suppressed && !one.encoded) return true;
    if (f.data_class == "secret") return false;
    if (one.encoded && sureness(f.tier) > sureness(run.tier)) return false;
    return covered && run.end - run.begin > f.end - f.begin;
  });
}

}  // namespace

void resolve_overlaps(std::vector<RankedFinding>& findings) {
  if (findings.size() < 2) return;
  drop_digits_of_encodings(findings);
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
