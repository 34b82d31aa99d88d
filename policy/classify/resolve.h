// SPDX-License-Identifier: Apache-2.0
// Overlap resolution: of findings that share bytes one remains. Order: the worse class, then the surer tier
// (a documented example counts as sure), then the longer, then the earlier. The same for any order in which
// findings were made. Numbers inside an encoded run are digits of the encoding: the run wins whatever its class.
#pragma once

#include <cstdint>
#include <vector>

#include "policy/classify/finding.h"

namespace warden::classify {

struct RankedFinding {
  Finding finding;
  uint8_t rank = 0;  // class_rank
  bool encoded = false;  // stands for a value that is written otherwise: base64, a hex dump, spread digits
};

void resolve_overlaps(std::vector<RankedFinding>& findings);

}  // namespace warden::classify
