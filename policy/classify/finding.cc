// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/finding.h"

namespace warden::classify {

std::string_view tier_name(Tier tier) {
  switch (tier) {
    case Tier::suppressed:
      return "suppressed";
    case Tier::lexical:
      return "lexical";
    case Tier::asserted:
      return "asserted";
    case Tier::validated:
      return "validated";
  }
  return "suppressed";
}

}  // namespace warden::classify
