// SPDX-License-Identifier: Apache-2.0
// Hidden text: what a reader does not see, or sees in another order than the bytes stand in. Tag characters spell ASCII without
// ink (Unicode 23.9); behind a right-to-left override (UAX #9, X2) Latin text stands backwards.
#pragma once

#include <string_view>

#include "policy/classify/rewrites.h"

namespace warden::classify {

// `in` is not folded: folding drops all of these characters.
void find_hidden(std::string_view in, Rewrites& out);

}  // namespace warden::classify
