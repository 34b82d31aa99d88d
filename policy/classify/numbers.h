// SPDX-License-Identifier: Apache-2.0
// Digit groups: finds runs of digits and of digit groups joined by short separators ("4111 1111-1111", "(212)
// 555-0100"). Leaves to others: what a window of groups means.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "policy/classify/view.h"

namespace warden::classify {

constexpr size_t kGroupsMax = 96;  // of one run; a longer run is taken in overlapping parts
constexpr size_t kWindowDigitsMax = 24;

struct DigitRun {
  struct Group {
    Extent span;
    char joint;  // to the next group: the one separator, kMixed for several characters, '\0' for none
  };
  std::array<Group, kGroupsMax> groups;
  size_t count = 0;
  uint32_t resume = 0;  // where to look for the next run
};

// Position of the next digit or '@' at or after `from`; text.size() when there is none.
size_t next_digit_or_at(std::string_view text, size_t from);
// The run that begins at `at` (a digit).
void read_run(std::string_view text, uint32_t at, DigitRun& run);

}  // namespace warden::classify
