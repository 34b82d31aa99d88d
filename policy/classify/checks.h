// SPDX-License-Identifier: Apache-2.0
// Check-digit arithmetic shared by detectors. Inputs are already normalised (digits or upper-case
// alphanumerics only); a character outside the alphabet gives false.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace warden::classify {

bool luhn(std::string_view digits);  // ISO/IEC 7812-1 annex B
bool mod97(
    std::string_view rearranged);  // ISO/IEC 7064 MOD 97-10 over digits and letters (A = 10): remainder 1
int weighted_sum(std::string_view digits, std::span<const uint8_t> weights);
bool verhoeff(std::string_view digits);
uint32_t crc32(std::string_view bytes);  // the CRC-32 of ISO/IEC 3309
bool all_same(std::string_view text);
bool sequential(std::string_view digits);  // 123456789..., 987654321... (0 follows 9)
// Distinct characters, and Shannon entropy in hundredths of a bit per character (integer arithmetic,
// deterministic).
int distinct(std::string_view text);
int entropy_centibits(std::string_view text);
// Of each hundred pairs of neighbouring letters, those that are seldom in words and names (training/letter_pairs.py);
// 0 below eight pairs.
int seldom_pairs(std::string_view text);
uint64_t number(std::string_view digits);  // at most 19 digits

}  // namespace warden::classify
