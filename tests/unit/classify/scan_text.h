// SPDX-License-Identifier: Apache-2.0
// scan_text: the findings of one text as "detector=value tier; ...", for tests to compare.
#pragma once

#include <string>
#include <vector>

#include "policy/classify/engine.h"

namespace warden::classify {

inline std::shared_ptr<const Pack> test_pack() {
  static const auto pack = Pack::load();
  return pack ? *pack : nullptr;
}

inline Segment segment_of(std::string_view text, Encoding encoding = Encoding::plain,
                          std::string_view label = {}) {
  Segment segment;
  segment.raw = text;
  segment.encoding = encoding;
  segment.label = label;
  return segment;
}

inline std::string describe(const std::vector<Segment>& segments) {
  Scanner scanner(test_pack());
  std::string out;
  for (const Finding& f : scanner.scan(segments).findings) {
    if (!out.empty()) out += "; ";
    if (segments.size() > 1) out += std::to_string(f.segment) + ":";
    out +=
        std::string(f.detector) + "=" + std::string(segments[f.segment].raw.substr(f.begin, f.end - f.begin));
    if (f.tier != Tier::validated) out += " " + std::string(tier_name(f.tier));
  }
  return out;
}

inline std::string scan_text(std::string_view text, Encoding encoding = Encoding::plain,
                             std::string_view label = {}) {
  return describe({segment_of(text, encoding, label)});
}

}  // namespace warden::classify
