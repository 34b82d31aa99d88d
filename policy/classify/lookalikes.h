// SPDX-License-Identifier: Apache-2.0
// Look-alikes: which code points are read as an ASCII character, and which are not seen at all. Tables from the Unicode
// Character Database 15 (NFKC, general category Nd, Default_Ignorable_Code_Point) and UTS #39 (confusables, a subset).
#pragma once

namespace warden::classify {

// No ink of its own: zero-width, bidi controls, variation selectors, tags, fillers.
bool ignorable(char32_t c);
// A mark drawn over the character before it.
bool combining(char32_t c);
// The ASCII character that `c` is a form of (full-width, mathematical, circled, another script's digit, a dash, a space);
// 0 when it stands for itself.
char ascii_form(char32_t c);
// The Latin letter that a letter of another script looks like; 0: none. Only meaningful inside a token that is Latin otherwise.
char latin_twin(char32_t c);
// False for most code points: none of the above can say anything about `c`.
bool maybe_lookalike(char32_t c);

}  // namespace warden::classify
