// SPDX-License-Identifier: Apache-2.0
// Finding: a detector's hit, in offsets of the original bytes of one segment.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace warden::classify {

// How sure we are, weakest first. `suppressed` (documented examples, placeholders) is recorded and never blocks.
enum class Tier : uint8_t { suppressed, lexical, asserted, validated };
std::string_view tier_name(Tier tier);

struct Finding {
  std::string_view detector;  // "pan.visa"; storage belongs to the pack
  std::string_view data_class;  // "pci", "pii.gov", "secret" ...: the closed hierarchy of policy.md
  uint32_t segment = 0;       // index into the scanned segments
  uint32_t begin = 0;         // byte offsets into Segment::raw, end exclusive; the whole original extent
  uint32_t end = 0;
  Tier tier = Tier::lexical;
  uint8_t confidence = 0;     // 0..100
};

enum class ScanStatus : uint8_t {
  complete,
  partial,  // the budget ran out: what was not looked at may hold anything
  error,    // invalid UTF-8 where text was promised, or the pattern engine failed
};

struct Report {
  std::vector<Finding> findings;  // ordered by segment, then begin
  uint64_t scanned_bytes = 0;
  ScanStatus status = ScanStatus::complete;
};

}  // namespace warden::classify
