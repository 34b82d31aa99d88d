// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/checks.h"

#include <algorithm>
#include <array>
#include <bit>

#include "policy/classify/chars.h"

namespace warden::classify {
namespace {

// log2 in hundredths by repeated squaring of a fixed-point mantissa: the same on every machine, no floating
// point.
int log2_centi(uint64_t value) {
  const int whole = std::bit_width(value) - 1;
  uint64_t mantissa = (value << 31) >> whole;  // [1, 2) with 31 fraction bits
  int fraction = 0;
  for (int bit = 0; bit < 10; ++bit) {
    mantissa = (mantissa * mantissa) >> 31;
    fraction <<= 1;
    if ((mantissa >> 32) != 0) {
      mantissa >>= 1;
      fraction |= 1;
    }
  }
  return whole * 100 + (fraction * 100) / 1024;
}

constexpr std::array<uint32_t, 256> crc_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0xEDB88320u : 0u);
    table[i] = value;
  }
  return table;
}
constexpr auto kCrc = crc_table();

// The dihedral group D5 and its position permutation (J. Verhoeff, 1969).
constexpr uint8_t kMultiply[10][10] = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 2, 3, 4, 0, 6, 7, 8, 9, 5},
                                       {2, 3, 4, 0, 1, 7, 8, 9, 5, 6}, {3, 4, 0, 1, 2, 8, 9, 5, 6, 7},
                                       {4, 0, 1, 2, 3, 9, 5, 6, 7, 8}, {5, 9, 8, 7, 6, 0, 4, 3, 2, 1},
                                       {6, 5, 9, 8, 7, 1, 0, 4, 3, 2}, {7, 6, 5, 9, 8, 2, 1, 0, 4, 3},
                                       {8, 7, 6, 5, 9, 3, 2, 1, 0, 4}, {9, 8, 7, 6, 5, 4, 3, 2, 1, 0}};
constexpr uint8_t kPermute[8][10] = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 5, 7, 6, 2, 8, 3, 0, 9, 4},
                                     {5, 8, 0, 3, 7, 9, 6, 1, 4, 2}, {8, 9, 1, 6, 0, 4, 3, 5, 2, 7},
                                     {9, 4, 5, 3, 1, 2, 6, 8, 7, 0}, {4, 2, 8, 6, 5, 7, 3, 9, 0, 1},
                                     {2, 7, 9, 3, 8, 0, 6, 4, 1, 5}, {7, 0, 4, 6, 9, 1, 3, 2, 5, 8}};

}  // namespace

bool luhn(std::string_view digits) {
  int sum = 0;
  bool twice = false;
  for (size_t i = digits.size(); i-- > 0; twice = !twice) {
    if (!is_digit(digits[i])) return false;
    const int value = (digits[i] - '0') * (twice ? 2 : 1);
    sum += value > 9 ? value - 9 : value;
  }
  return !digits.empty() && sum % 10 == 0;
}

bool mod97(std::string_view rearranged) {
  uint32_t rest = 0;
  for (const char c : rearranged) {
    if (is_digit(c)) {
      rest = (rest * 10 + static_cast<uint32_t>(c - '0')) % 97;
    } else if (is_upper(c)) {
      rest = (rest * 100 + static_cast<uint32_t>(c - 'A' + 10)) % 97;
    } else {
      return false;
    }
  }
  return rest == 1;
}

int weighted_sum(std::string_view digits, std::span<const uint8_t> weights) {
  int sum = 0;
  for (size_t i = 0; i < weights.size() && i < digits.size(); ++i) sum += (digits[i] - '0') * weights[i];
  return sum;
}

bool verhoeff(std::string_view digits) {
  uint8_t check = 0;
  for (size_t i = 0; i < digits.size(); ++i) {
    const char c = digits[digits.size() - 1 - i];
    if (!is_digit(c)) return false;
    check = kMultiply[check][kPermute[i % 8][c - '0']];
  }
  return check == 0;
}

uint32_t crc32(std::string_view bytes) {
  uint32_t value = 0xFFFFFFFFu;
  for (const char c : bytes) value = (value >> 8) ^ kCrc[(value ^ static_cast<unsigned char>(c)) & 0xFF];
  return ~value;
}

bool all_same(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [&](char c) { return c == text.front(); });
}

bool sequential(std::string_view digits) {
  if (digits.size() < 5) return false;
  const auto steps = [&](int step) {
    for (size_t i = 1; i < digits.size(); ++i) {
      if ((digits[i - 1] - '0' + step + 10) % 10 != digits[i] - '0') return false;
    }
    return true;
  };
  return steps(1) || steps(-1);
}

int distinct(std::string_view text) {
  std::array<bool, 256> seen{};
  for (const char c : text) seen[static_cast<unsigned char>(c)] = true;
  return static_cast<int>(std::count(seen.begin(), seen.end(), true));
}

int entropy_centibits(std::string_view text) {
  if (text.empty()) return 0;
  std::array<uint32_t, 256> counts{};
  for (const char c : text) ++counts[static_cast<unsigned char>(c)];
  int64_t weighted = 0;
  for (const uint32_t count : counts) {
    if (count > 0) weighted += static_cast<int64_t>(count) * log2_centi(count);
  }
  return log2_centi(text.size()) - static_cast<int>(weighted / static_cast<int64_t>(text.size()));
}

int seldom_pairs(std::string_view text) {
  static constexpr uint32_t seldom[26] = {
#include "policy/classify/letter_pairs.inc"
  };
  int pairs = 0;
  int odd = 0;
  for (size_t i = 1; i < text.size(); ++i) {
    if (!is_alpha(text[i - 1]) || !is_alpha(text[i])) continue;
    if (is_lower(text[i - 1]) && is_upper(text[i])) continue;  // camelCase: two words
    ++pairs;
    odd += static_cast<int>(seldom[lower(text[i - 1]) - 'a'] >> (lower(text[i]) - 'a') & 1);
  }
  return pairs < 8 ? 0 : odd * 100 / pairs;
}

uint64_t number(std::string_view digits) {
  uint64_t value = 0;
  for (const char c : digits.substr(0, 19)) value = value * 10 + static_cast<uint64_t>(c - '0');
  return value;
}

}  // namespace warden::classify
