// SPDX-License-Identifier: Apache-2.0
#include "policy/decide/decide.h"

#include <algorithm>
#include <bit>

#include "policy/decide/match.h"
#include "policy/decide/program.h"

namespace warden::policy {
namespace {

// What a set of rules says. `firm`: no further rule can change it.
struct Ruling {
  Action action = Action::block;
  const Match* by = nullptr;  // nullptr: the default
  bool firm = false;
  std::string_view uncovered;  // class of a finding that no rule lets through
};

struct Scratch {
  Matches matches;
  std::vector<uint8_t> chosen, allowed;  // per row of Facts::data
};

// Findings that nobody would act on by themselves need no permission; everything else, also a tier we do not
// know, does.
bool needs_cover(const DataFact& row) {
  return row.tier != "suppressed" && row.tier != "lexical";
}

Ruling redact_ruling(const Matches& matches, const View& view, bool enforced_only, const Match* first,
                     Scratch& scratch) {
  scratch.chosen.assign(view.rows->size(), 0);
  scratch.allowed.assign(view.rows->size(), 0);
  for (const Match& match : matches.list) {
    if (enforced_only && match.rule->mode == Mode::monitor) continue;
    // A branch that may hold is edited too, so that hiding a fact never keeps a finding in.
    if (match.rule->effect == Effect::redact)
      select_rows(match.rule->when, view, Truth::unknown, scratch.chosen);
    if (match.rule->effect != Effect::allow) continue;
    if (match.rule->covers_all) {
      std::ranges::fill(scratch.allowed, uint8_t{1});
    } else {
      select_rows(match.rule->when, view, Truth::yes, scratch.allowed);
    }
  }
  for (size_t i = 0; i < view.rows->size(); ++i) {
    const DataFact& row = (*view.rows)[i];
    if (scratch.chosen[i] == 0 && scratch.allowed[i] == 0 && needs_cover(row))
      return {Action::block, first, false, row.data_class};
  }
  return {Action::redact, first, false, {}};
}

Ruling rule_on(const Program& program, const Matches& matches, const View& view, bool enforced_only,
               Scratch& scratch) {
  const Match *block = nullptr, *redact = nullptr, *allow = nullptr;
  for (const Match& match : matches.list) {
    if (enforced_only && match.rule->mode == Mode::monitor) continue;
    const bool blocks = match.rule->effect == Effect::block || match.truth == Truth::unknown;
    const Match*& first = blocks ? block : match.rule->effect == Effect::redact ? redact : allow;
    // Among equals the first in the bundle decides, but what is known goes before what is not.
    if (first == nullptr || (first->truth == Truth::unknown && match.truth == Truth::yes)) first = &match;
  }
  if (block != nullptr) return {Action::block, block, true, {}};
  if (redact != nullptr) return redact_ruling(matches, view, enforced_only, redact, scratch);
  if (allow != nullptr) return {Action::allow, allow, false, {}};
  return {program.defaults.decision, nullptr, false, {}};
}

std::string reason_of(const Ruling& ruling, const View& view) {
  if (ruling.by == nullptr) return "default";
  if (!ruling.uncovered.empty()) return "uncovered:" + std::string(ruling.uncovered);
  if (ruling.by->truth == Truth::unknown) return "unresolved:" + std::string(ruling.by->unresolved(view));
  return "rule";
}

Action enforced_action(const Program& program, const Ruling& ruling) {
  if (ruling.by == nullptr && program.defaults.mode == Mode::monitor) return Action::allow;
  return ruling.action;
}

void list_rows(const std::vector<uint8_t>& chosen, std::vector<size_t>& out) {
  for (size_t i = 0; i < chosen.size(); ++i)
    if (chosen[i] != 0) out.push_back(i);
}

}  // namespace

const Defaults& defaults(const Program& program) {
  return program.defaults;
}
std::string_view version(const Program& program) {
  return program.version;
}
std::string_view bundle_name(const Program& program) {
  return program.name;
}
const Digest& digest(const Program& program) {
  return program.digest;
}
std::string_view signer(const Program& program) {
  return program.signer;
}

View find_matches(const Program& program, const Facts& facts, bool data_known, Matches& out) {
  program.look_up(facts, data_known, out.slots, out.candidates);
  const View view{out.slots, &facts.data, data_known};
  out.list.clear();
  for (size_t word = 0; word < out.candidates.size(); ++word) {
    for (uint64_t bits = out.candidates[word]; bits != 0; bits &= bits - 1) {
      const Rule& rule = program.rules[word * 64 + static_cast<size_t>(std::countr_zero(bits))];
      const Truth truth = rule_truth(rule, view);
      const bool met = truth == Truth::yes || (truth == Truth::unknown && rule.effect != Effect::allow);
      if (met) out.list.push_back({&rule, truth});
    }
  }
  return view;
}

Truth rule_truth(const Rule& rule, const View& view) {
  const Truth truth = evaluate(rule.when, view);
  if (rule.effect != Effect::redact || truth != Truth::yes) return truth;
  // What a redact rule would edit is not known before everything was looked at; and with nothing to edit it
  // says nothing.
  if (!view.data_known) return Truth::unknown;
  return selects_any(rule.when, view) ? Truth::yes : Truth::no;
}

std::string_view Match::unresolved(const View& view) const {
  return evaluate(rule->when, view) == Truth::unknown ? unresolved_fact(rule->when, view) : "data";
}

Verdict decide(const Program& program, const Facts& facts) {
  thread_local Scratch scratch;
  const View view = find_matches(program, facts, facts.data_status == DataStatus::complete, scratch.matches);
  Verdict verdict;
  for (const Match& match : scratch.matches.list) verdict.rules.push_back(match.rule->id);

  const Ruling enforced = rule_on(program, scratch.matches, view, true, scratch);
  verdict.action = enforced_action(program, enforced);
  if (verdict.action == Action::redact) list_rows(scratch.chosen, verdict.redact);
  // As if every rule were enforced; a block that stands already cannot be overridden.
  const bool watched = std::ranges::any_of(
      scratch.matches.list, [](const Match& match) { return match.rule->mode == Mode::monitor; });
  const Ruling outcome =
      watched && !enforced.firm ? rule_on(program, scratch.matches, view, false, scratch) : enforced;
  verdict.outcome = static_cast<Outcome>(outcome.action);
  if (outcome.action == Action::redact && verdict.action != Action::redact)
    list_rows(scratch.chosen, verdict.redact);

  verdict.mode = outcome.by == nullptr ? program.defaults.mode : outcome.by->rule->mode;
  if (outcome.by != nullptr) verdict.deciding = outcome.by->rule->id;
  verdict.reason = reason_of(outcome, view);
  // The application hears from the rule that stopped it, not from one that only watched.
  const Ruling& heard = verdict.action == Action::block ? enforced : outcome;
  if (heard.by != nullptr) verdict.message = heard.by->rule->message;
  return verdict;
}

Verdict decide_unreadable(const Program& program, const Facts& facts, std::string_view reason) {
  thread_local Scratch scratch;
  Verdict verdict;
  verdict.outcome = Outcome::not_evaluated;
  verdict.mode = program.defaults.mode;
  verdict.reason = "unreadable:" + std::string(reason);
  verdict.action = program.defaults.on_unreadable;
  if (program.defaults.mode == Mode::monitor) verdict.action = Action::allow;
  // Letting the unreadable pass is no way round a rule that blocks whatever the request holds.
  static const std::vector<DataFact> nothing;
  find_matches(program, facts, false, scratch.matches);
  const View view{scratch.matches.slots, &nothing, true};
  for (const Match& match : scratch.matches.list) {
    if (match.rule->effect != Effect::block || rule_truth(*match.rule, view) == Truth::no) continue;
    verdict.rules.push_back(match.rule->id);
    if (match.rule->mode != Mode::enforce || !verdict.deciding.empty()) continue;
    verdict.action = Action::block;
    verdict.mode = Mode::enforce;
    verdict.deciding = match.rule->id;
    verdict.message = match.rule->message;
  }
  return verdict;
}

}  // namespace warden::policy
