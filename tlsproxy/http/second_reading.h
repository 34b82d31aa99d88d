// SPDX-License-Identifier: Apache-2.0
// agrees_with_llhttp: a second, independent reading of a head. A head is accepted only when llhttp accepts it
// too and means the same by it (method, target, status, version, number of headers, framing): what two
// readers see alike, a third is unlikely to see otherwise.
#pragma once

#include "tlsproxy/http/parser.h"

namespace warden::http {

bool agrees_with_llhttp(Side side, const Head& head);

}  // namespace warden::http
