// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/numbers.h"

#include <algorithm>

#include "policy/classify/byte_set.h"
#include "policy/classify/chars.h"
#include "policy/classify/detector.h"

namespace warden::classify {
namespace {

constexpr uint32_t kJointMax = 3;
constexpr size_t kOverlap = 24;  // groups of a cut run that the next part sees again

bool joins(char c) {
  return c == ' ' || c == '-' || c == '.' || c == '/' || c == '(' || c == ')';
}

}  // namespace

size_t next_digit_or_at(std::string_view text, size_t from) {
  static constexpr ByteSet kSet("0123456789@");
  return kSet.next(text, from);
}

void read_run(std::string_view text, uint32_t at, DigitRun& run) {
  run.count = 0;
  const auto size = static_cast<uint32_t>(text.size());
  while (run.count < kGroupsMax) {
    uint32_t end = at;
    while (end < size && is_digit(text[end])) ++end;
    uint32_t next = end;
    while (next < size && next - end < kJointMax && joins(text[next])) ++next;
    const bool joined = next > end && next < size && is_digit(text[next]);
    const char joint = !joined ? '\0' : (next - end == 1 ? text[end] : kMixed);
    run.groups[run.count++] = {{at, end}, joint};
    run.resume = end;
    if (!joined) return;
    at = next;
  }
  run.resume = run.groups[kGroupsMax - kOverlap].span.begin;
  run.groups[kGroupsMax - 1].joint = '\0';
}

}  // namespace warden::classify
