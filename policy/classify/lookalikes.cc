// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/lookalikes.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <span>

namespace warden::classify {
namespace {

// Zero digit of each decimal script (general category Nd, Unicode 15); the nine after it follow in order.
constexpr std::array<char32_t, 66> kZeros = {
    0x0660,  0x06F0,  0x07C0,  0x0966,  0x09E6,  0x0A66,  0x0AE6,  0x0B66,  0x0BE6,  0x0C66,  0x0CE6,
    0x0D66,  0x0DE6,  0x0E50,  0x0ED0,  0x0F20,  0x1040,  0x1090,  0x17E0,  0x1810,  0x1946,  0x19D0,
    0x1A80,  0x1A90,  0x1B50,  0x1BB0,  0x1C40,  0x1C50,  0xA620,  0xA8D0,  0xA900,  0xA9D0,  0xA9F0,
    0xAA50,  0xABF0,  0xFF10,  0x104A0, 0x10D30, 0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450,
    0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0, 0x11950, 0x11C50, 0x11D50, 0x11DA0, 0x11F50, 0x16A60,
    0x16AC0, 0x16B50, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E950, 0x1FBF0};

struct Range {
  char32_t first;
  char32_t last;
  char to;          // of `first`
  bool all = false;  // every one of the range, not one after the other
};

// Sorted. Superscript and subscript digits are left out: behind a number they are footnotes and powers, no part of it.
constexpr Range kForms[] = {
    {0x00A0, 0x00A0, ' '}, {0x0131, 0x0131, 'i'}, {0x017F, 0x017F, 's'}, {0x0251, 0x0251, 'a'}, {0x0261, 0x0261, 'g'}, {0x026A, 0x026A, 'i'},
    {0x1680, 0x1680, ' '}, {0x2000, 0x200A, ' ', true}, {0x2010, 0x2015, '-', true}, {0x2024, 0x2024, '.'}, {0x2028, 0x2029, '\n', true},
    {0x202F, 0x202F, ' '}, {0x2043, 0x2043, '-'}, {0x2044, 0x2044, '/'}, {0x205F, 0x205F, ' '}, {0x2102, 0x2102, 'C'}, {0x210A, 0x210A, 'g'},
    {0x210B, 0x210D, 'H', true}, {0x210E, 0x210E, 'h'}, {0x2110, 0x2111, 'I', true}, {0x2112, 0x2112, 'L'}, {0x2113, 0x2113, 'l'}, {0x2115, 0x2115, 'N'},
    {0x2119, 0x211B, 'P'}, {0x211C, 0x211D, 'R', true}, {0x2124, 0x2124, 'Z'}, {0x2128, 0x2128, 'Z'}, {0x212A, 0x212A, 'K'}, {0x212C, 0x212D, 'B'},
    {0x212F, 0x212F, 'e'}, {0x2130, 0x2131, 'E'}, {0x2133, 0x2133, 'M'}, {0x2134, 0x2134, 'o'}, {0x2139, 0x2139, 'i'}, {0x2145, 0x2145, 'D'},
    {0x2146, 0x2147, 'd'}, {0x2148, 0x2149, 'i'}, {0x2160, 0x2160, 'I'}, {0x2164, 0x2164, 'V'}, {0x2169, 0x2169, 'X'}, {0x216C, 0x216C, 'L'},
    {0x216D, 0x216E, 'C'}, {0x216F, 0x216F, 'M'}, {0x2170, 0x2170, 'i'}, {0x2174, 0x2174, 'v'}, {0x2179, 0x2179, 'x'}, {0x217C, 0x217C, 'l'},
    {0x217D, 0x217E, 'c'}, {0x217F, 0x217F, 'm'}, {0x2212, 0x2212, '-'}, {0x2215, 0x2215, '/'}, {0x2236, 0x2236, ':'}, {0x2460, 0x2468, '1'},
    {0x24B6, 0x24CF, 'A'}, {0x24D0, 0x24E9, 'a'}, {0x24EA, 0x24EA, '0'}, {0x24F5, 0x24FD, '1'}, {0x24FF, 0x24FF, '0'}, {0x2776, 0x277E, '1'},
    {0x2780, 0x2788, '1'}, {0x278A, 0x2792, '1'}, {0x2800, 0x2800, ' '}, {0x3000, 0x3000, ' '}, {0xA789, 0xA789, ':'}, {0xFE10, 0xFE10, ','},
    {0xFE13, 0xFE14, ':'}, {0xFE31, 0xFE32, '-', true}, {0xFE33, 0xFE34, '_', true}, {0xFE35, 0xFE36, '('}, {0xFE4D, 0xFE4F, '_', true},
    {0xFE50, 0xFE50, ','}, {0xFE52, 0xFE52, '.'}, {0xFE54, 0xFE54, ';'}, {0xFE55, 0xFE55, ':'}, {0xFE58, 0xFE58, '-'}, {0xFE59, 0xFE5A, '('},
    {0xFE5F, 0xFE5F, '#'}, {0xFE60, 0xFE60, '&'}, {0xFE61, 0xFE62, '*'}, {0xFE63, 0xFE63, '-'}, {0xFE66, 0xFE66, '='}, {0xFE68, 0xFE68, '\\'},
    {0xFE69, 0xFE6A, '$'}, {0xFE6B, 0xFE6B, '@'}, {0xFF01, 0xFF0F, '!'}, {0xFF1A, 0xFF5E, ':'}, {0x1F130, 0x1F149, 'A'}, {0x1F150, 0x1F169, 'A'},
    {0x1F170, 0x1F189, 'A'}};

struct Twin {
  char32_t letter;
  char to;
};
// Sorted: Greek, Cyrillic, Armenian, Cherokee.
constexpr Twin kTwins[] = {
    {0x0391, 'A'}, {0x0392, 'B'}, {0x0395, 'E'}, {0x0396, 'Z'}, {0x0397, 'H'}, {0x0399, 'I'}, {0x039A, 'K'}, {0x039C, 'M'}, {0x039D, 'N'},
    {0x039F, 'O'}, {0x03A1, 'P'}, {0x03A4, 'T'}, {0x03A5, 'Y'}, {0x03A7, 'X'}, {0x03B1, 'a'}, {0x03B3, 'y'}, {0x03B9, 'i'}, {0x03BA, 'k'},
    {0x03BD, 'v'}, {0x03BF, 'o'}, {0x03C1, 'p'}, {0x03C4, 't'}, {0x03C5, 'u'}, {0x03C7, 'x'}, {0x03F2, 'c'}, {0x03F3, 'j'}, {0x03F9, 'C'},
    {0x0405, 'S'}, {0x0406, 'I'}, {0x0408, 'J'}, {0x0410, 'A'}, {0x0412, 'B'}, {0x0415, 'E'}, {0x041A, 'K'}, {0x041C, 'M'}, {0x041D, 'H'},
    {0x041E, 'O'}, {0x0420, 'P'}, {0x0421, 'C'}, {0x0422, 'T'}, {0x0423, 'Y'}, {0x0425, 'X'}, {0x042C, 'b'}, {0x0430, 'a'}, {0x0433, 'r'},
    {0x0435, 'e'}, {0x043A, 'k'}, {0x043E, 'o'}, {0x043F, 'n'}, {0x0440, 'p'}, {0x0441, 'c'}, {0x0442, 't'}, {0x0443, 'y'}, {0x0445, 'x'},
    {0x0455, 's'}, {0x0456, 'i'}, {0x0458, 'j'}, {0x0474, 'V'}, {0x0475, 'v'}, {0x04AE, 'Y'}, {0x04AF, 'y'}, {0x04BA, 'h'}, {0x04BB, 'h'},
    {0x04C0, 'I'}, {0x04CF, 'l'}, {0x0500, 'd'}, {0x0501, 'd'}, {0x050C, 'G'}, {0x051A, 'Q'}, {0x051B, 'q'}, {0x051C, 'W'}, {0x051D, 'w'},
    {0x053C, 'L'}, {0x054D, 'U'}, {0x054F, 'S'}, {0x0555, 'O'}, {0x0561, 'w'}, {0x0566, 'q'}, {0x0570, 'h'}, {0x0575, 'j'}, {0x0578, 'n'},
    {0x057D, 'u'}, {0x0581, 'g'}, {0x0584, 'f'}, {0x0585, 'o'}, {0x13A0, 'D'}, {0x13A1, 'R'}, {0x13A2, 'T'}, {0x13A9, 'Y'}, {0x13AA, 'A'},
    {0x13AB, 'J'}, {0x13AC, 'E'}, {0x13B3, 'W'}, {0x13B7, 'M'}, {0x13BB, 'H'}, {0x13C0, 'G'}, {0x13C3, 'Z'}, {0x13CF, 'b'}, {0x13D2, 'R'},
    {0x13D4, 'W'}, {0x13D5, 'S'}, {0x13D9, 'V'}, {0x13DA, 'S'}, {0x13DE, 'L'}, {0x13DF, 'C'}, {0x13E2, 'P'}, {0x13E6, 'K'}, {0x13E7, 'd'},
    {0x13F3, 'G'}, {0x13F4, 'B'}};

constexpr Range kIgnorable[] = {{0x00AD, 0x00AD, 0}, {0x034F, 0x034F, 0}, {0x061C, 0x061C, 0}, {0x115F, 0x1160, 0}, {0x17B4, 0x17B5, 0},
                                {0x180B, 0x180F, 0}, {0x200B, 0x200F, 0}, {0x202A, 0x202E, 0}, {0x2060, 0x206F, 0}, {0x3164, 0x3164, 0},
                                {0xFE00, 0xFE0F, 0}, {0xFEFF, 0xFEFF, 0}, {0xFFA0, 0xFFA0, 0}, {0xFFF0, 0xFFF8, 0}, {0x1BCA0, 0x1BCA3, 0},
                                {0x1D173, 0x1D17A, 0}, {0xE0000, 0xE0FFF, 0}};

constexpr char32_t kMathLetters = 0x1D400;  // alphabets of 26 capitals and 26 small letters, one after the other
constexpr char32_t kMathLettersEnd = 0x1D6A4;

const Range* range_of(std::span<const Range> ranges, char32_t c) {
  const auto after = std::upper_bound(ranges.begin(), ranges.end(), c, [](char32_t x, const Range& r) { return x < r.first; });
  return after != ranges.begin() && c <= (after - 1)->last ? &*(after - 1) : nullptr;
}

// One bit for each 64 code points of the basic plane.
constexpr size_t kBlock = 64;
constexpr size_t kBlocks = 0x10000 / kBlock;
std::bitset<kBlocks> touched_blocks() {
  std::bitset<kBlocks> touched;
  const auto mark = [&](char32_t first, char32_t last) {
    for (char32_t c = first; c <= last && c < 0x10000; ++c) touched.set(c / kBlock);
  };
  for (const char32_t zero : kZeros) mark(zero, zero + 9);
  for (const Range& range : kForms) mark(range.first, range.last);
  for (const Range& range : kIgnorable) mark(range.first, range.last);
  for (const Twin& twin : kTwins) mark(twin.letter, twin.letter);
  mark(0x0300, 0x036F);
  mark(0x20D0, 0x20F0);
  return touched;
}

}  // namespace

bool maybe_lookalike(char32_t c) {
  static const std::bitset<kBlocks> touched = touched_blocks();
  return c >= 0x10000 || touched.test(c / kBlock);
}

bool ignorable(char32_t c) {
  return range_of(kIgnorable, c) != nullptr;
}

bool combining(char32_t c) {
  return (c >= 0x0300 && c <= 0x036F) || (c >= 0x20D0 && c <= 0x20F0);
}

char ascii_form(char32_t c) {
  if (const Range* range = range_of(kForms, c)) return static_cast<char>(range->to + (range->all ? 0 : static_cast<int>(c - range->first)));
  if (c >= kMathLetters && c < kMathLettersEnd) {
    const auto place = static_cast<int>((c - kMathLetters) % 52);
    return static_cast<char>(place < 26 ? 'A' + place : 'a' + place - 26);
  }
  const auto after = std::upper_bound(kZeros.begin(), kZeros.end(), c);
  if (after == kZeros.begin() || c - *(after - 1) > 9) return 0;
  return static_cast<char>('0' + (c - *(after - 1)));
}

char latin_twin(char32_t c) {
  const auto found = std::lower_bound(std::begin(kTwins), std::end(kTwins), c, [](const Twin& t, char32_t x) { return t.letter < x; });
  return found != std::end(kTwins) && found->letter == c ? found->to : '\0';
}

}  // namespace warden::classify
