// SPDX-License-Identifier: Apache-2.0
// The escapes of a JSON string (RFC 8259 section 7), which every text of a JSON body stands behind, and what counts as text.
// Linear, never fails (what is no escape stands for itself), keeps the map to its source.
#pragma once

#include <string>
#include <string_view>

#include "policy/classify/view.h"

namespace warden::classify {

struct JsonEscape {
  std::string text;
  uint32_t bytes = 0;  // 0: no escape
};
// The escape whose backslash stands at `at`; half a surrogate pair gives U+FFFD.
JsonEscape json_escape_at(std::string_view in, size_t at);
// False when nothing was decoded (`out` is then of no use).
bool unescape_json(std::string_view in, MappedText& out);

// A UTF-8 text that JSON would carry as it is: at least 90 % printable, no control characters but tab, CR and LF.
bool mostly_text(std::string_view bytes);

}  // namespace warden::classify
