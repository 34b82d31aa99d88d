// SPDX-License-Identifier: Apache-2.0
// Escapes: single characters written as several. JSON and JavaScript (RFC 8259 section 7, ECMA-262 12.9.4: \uXXXX, \u{X}), C
// (\xNN, \NNN), percent (RFC 3986 section 2.1, and %uXXXX), form data (WHATWG URL: '+' for a space), character references
// (HTML 13.5), quoted-printable (RFC 2045 section 6.7). What is no escape stands for itself.
#pragma once

#include <string_view>

#include "policy/classify/rewrites.h"

namespace warden::classify {

void find_escapes(std::string_view in, Rewrites& out);

}  // namespace warden::classify
