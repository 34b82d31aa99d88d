// SPDX-License-Identifier: Apache-2.0
#include "audit/store/gap.h"

#include <charconv>

#include "agent/base/clock.h"
#include "audit/record/schema.h"

namespace warden::audit {
namespace {

constexpr size_t kProcessesMax = 48;  // with names of at most 64 bytes the text fits the reserve's note

// The name under which a process is counted: plain names only, since they stand in lines of text.
std::string process_of(const Draft& draft) {
  const Value* const comm = draft.get(Field::proc_comm);
  const auto* text = comm == nullptr ? nullptr : std::get_if<std::string>(comm);
  if (text == nullptr) return "unknown";
  return is_plain(*text) ? *text : "unnamed";
}

std::optional<uint64_t> number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

std::string_view word(std::string_view& line) {
  const size_t space = line.find(' ');
  const std::string_view first = line.substr(0, space);
  line.remove_prefix(space == std::string_view::npos ? line.size() : space + 1);
  return first;
}

}  // namespace

void GapCounts::add(const Draft& draft, std::string_view reason, int64_t wall_us) {
  if (since_us_ == 0) since_us_ = wall_us;
  if (reason_.empty()) reason_ = reason;
  std::pair<std::string, Kind> key{process_of(draft), draft.kind()};
  if (by_.size() >= kProcessesMax && !by_.contains(key)) key.first = "other";
  ++by_[key];
}

void GapCounts::add(const GapCounts& other) {
  if (other.empty()) return;
  if (empty()) {
    *this = other;
    return;
  }
  since_us_ = std::min(since_us_, other.since_us_);
  for (const auto& [key, count] : other.by_) {
    const bool fits = by_.size() < kProcessesMax || by_.contains(key);
    by_[fits ? key : std::pair(std::string("other"), key.second)] += count;
  }
}

uint64_t GapCounts::of(Kind kind) const {
  uint64_t sum = 0;
  for (const auto& [key, count] : by_) sum += key.second == kind ? count : 0;
  return sum;
}

Draft GapCounts::record() const {
  Draft draft(Kind::gap);
  std::vector<Row> rows;
  uint64_t other = 0;
  for (const auto& [key, count] : by_) {
    rows.push_back({{{"kind", std::string(name(key.second))},
                     {"n", static_cast<int64_t>(count)},
                     {"process", key.first}}});
    other += key.second == Kind::decision || key.second == Kind::outcome ? 0 : count;
  }
  draft.set(Field::gap_reason, reason_);
  draft.set(Field::gap_since, rfc3339(since_us_));
  draft.set(Field::gap_decisions, static_cast<int64_t>(of(Kind::decision)));
  draft.set(Field::gap_outcomes, static_cast<int64_t>(of(Kind::outcome)));
  draft.set(Field::gap_other, static_cast<int64_t>(other));
  draft.set(Field::gap_by, std::move(rows));
  return draft;
}

std::string GapCounts::text() const {
  if (empty()) return {};
  std::string text = "gap " + reason_ + ' ' + std::to_string(since_us_) + '\n';
  for (const auto& [key, count] : by_)
    text += key.first + ' ' + std::to_string(static_cast<unsigned>(key.second)) + ' ' +
            std::to_string(count) + '\n';
  return text;
}

GapCounts GapCounts::parse(std::string_view text) {
  GapCounts counts;
  for (bool first = true; !text.empty(); first = false) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::string_view process = word(line);
    if (first) {
      counts.reason_ = word(line);
      const auto since = number(line);
      if (process != "gap" || !is_plain(counts.reason_) || !since) return {};
      counts.since_us_ = static_cast<int64_t>(*since);
      continue;
    }
    const auto kind = number(word(line));
    const auto count = number(line);
    if (!is_plain(process) || !kind || *kind > static_cast<uint64_t>(Kind::correction) || !count) return {};
    counts.by_[{std::string(process), static_cast<Kind>(*kind)}] += *count;
  }
  return counts;
}

}  // namespace warden::audit
