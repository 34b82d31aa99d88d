// SPDX-License-Identifier: Apache-2.0
// Bounds of Identity's wire form. What is longer is cut by serialise() and refused by parse().
#pragma once

#include <cstddef>

namespace warden::attribution {

inline constexpr size_t kTextBytesMax = 4096;
inline constexpr size_t kItemsMax = 256;  // arguments, groups, ancestors
// Five lists of texts, one of ancestors (three texts and twelve bytes), and under 48 single texts.
inline constexpr size_t kWireBytesMax = (5 * kItemsMax + 3 * kItemsMax + 48) * (kTextBytesMax + 16);

}  // namespace warden::attribution
