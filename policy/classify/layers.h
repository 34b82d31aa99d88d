// SPDX-License-Identifier: Apache-2.0
// Decoders of the layers a value may hide behind. Each is linear, never fails (what is no escape stands for
// itself), and keeps the map to its source. JSON escapes: RFC 8259 section 7; percent: RFC 3986 section 2.1;
// base64: RFC 4648.
#pragma once

#include <string_view>
#include <vector>

#include "policy/classify/view.h"

namespace warden::classify {

// Each returns false when nothing was decoded (`out` is then of no use).
bool unescape_json(std::string_view in, MappedText& out);
bool decode_percent(std::string_view in, MappedText& out);

// Runs of the base64 or base64url alphabet, at least 24 long, that decode to text (at least 90 % printable
// UTF-8). `text` of a run is its decoded form.
struct EncodedRun {
  Extent span;
  std::string text;
};
void find_base64_text(std::string_view in, size_t runs_max, std::vector<EncodedRun>& out);

// A UTF-8 text that JSON would carry as it is: printable, no control characters but tab, CR and LF.
bool mostly_text(std::string_view bytes);

}  // namespace warden::classify
