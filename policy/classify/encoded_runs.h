// SPDX-License-Identifier: Apache-2.0
// Encoded runs: stretches that stand for text as a whole: base64 and base64url (RFC 4648), also over lines (RFC 2045), hex digits
// in a row or in a list, hex dumps (xxd, hexdump -C). A run that does not decode to text is left alone.
#pragma once

#include <string_view>

#include "policy/classify/rewrites.h"

namespace warden::classify {

void find_base64(std::string_view in, Rewrites& out);
void find_hex(std::string_view in, Rewrites& out);
void find_hex_dumps(std::string_view in, Rewrites& out);

}  // namespace warden::classify
