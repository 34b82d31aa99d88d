// SPDX-License-Identifier: Apache-2.0
// Redaction: turns findings into byte edits of the segments they stand in. A token names class and detector and carries a
// truncated keyed hash of the normalised value ("[PII:US_SSN#k3f9a2]"), so the same value always gives the same token.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "policy/classify/finding.h"
#include "policy/classify/segment.h"

namespace warden::classify {

struct Edit {
  uint32_t segment = 0;
  uint32_t begin = 0;  // offsets into Segment::raw, never overlapping, ascending
  uint32_t end = 0;
  std::string replacement;  // already in the segment's encoding
  std::string_view data_class;
  std::string_view detector;
};

// Edits for `chosen` findings (overlaps merged). nullopt: a chosen finding stands where nothing may be edited.
// `key`: the per-host secret of the token hash.
std::optional<std::vector<Edit>> redact(std::span<const Segment> segments, std::span<const Finding> chosen,
                                        std::string_view key);

}  // namespace warden::classify
