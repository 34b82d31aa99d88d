// SPDX-License-Identifier: Apache-2.0
// Licences by what names them: SPDX tags, and the sentences with which widely used licences are granted or begin.
#include <algorithm>

#include "policy/classify/chars.h"
#include "policy/classify/tables.h"

namespace warden::classify {
namespace {

// SPDX-License-Identifier: GPL-2.0-or-later WITH ... (SPDX specification, annex E)
bool tag(const Candidate& c, Match& match) {
  uint32_t at = c.span.end;
  while (at_or_nul(c.text, at) == ' ') ++at;
  uint32_t end = at;
  const auto part = [&](char x) { return is_alnum(x) || x == '-' || x == '.' || x == '+' || x == '(' || x == ')'; };
  while (part(at_or_nul(c.text, end)) || (at_or_nul(c.text, end) == ' ' && (is_upper(at_or_nul(c.text, end + 1)) || at_or_nul(c.text, end + 1) == '('))) ++end;
  match.span.end = end;
  match.tier = Tier::asserted;
  match.confidence = 95;
  return end > at;
}

bool sentence(const Candidate&, Match& match) {
  match.tier = Tier::lexical;
  match.confidence = 85;
  return true;
}

constexpr Detector kRows[] = {
    {"lic.spdx_tag", "licensed_text", Trigger::literal, tag, 0, {}, "SPDX-License-Identifier:", {}, 0, 0},
    {"lic.header", "licensed_text", Trigger::literal, sentence, 0, {},
     "Licensed under the |licensed under the |GNU General Public License|GNU Lesser General Public License|GNU Affero General Public License|Mozilla Public License|"
     "Permission is hereby granted|Permission to use, copy, modify|Redistribution and use in source and binary forms|"
     "THE SOFTWARE IS PROVIDED \"AS IS\"|THIS SOFTWARE IS PROVIDED|Creative Commons|All rights reserved|Apache License|Eclipse Public License",
     {}, 0, 0},
};

}  // namespace

std::span<const Detector> licence_detectors() {
  return kRows;
}

}  // namespace warden::classify
