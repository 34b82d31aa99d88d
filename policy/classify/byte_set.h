// SPDX-License-Identifier: Apache-2.0
// ByteSet: the next byte of a set of ASCII characters, 16 bytes at a time where the processor has SSSE3 (which Hyperscan asks for
// as well), the same answer one at a time elsewhere.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace warden::classify {

class ByteSet {
 public:
  consteval explicit ByteSet(std::string_view members) {
    for (const char c : members) {
      const auto byte = static_cast<unsigned char>(c);
      low_[byte & 15] = static_cast<uint8_t>(low_[byte & 15] | (1u << (byte >> 4)));
    }
  }
  [[nodiscard]] constexpr bool contains(char c) const {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x80 && (low_[byte & 15] >> (byte >> 4) & 1) != 0;
  }
  // Position of the next member at or after `from`; text.size() when there is none.
  [[nodiscard]] size_t next(std::string_view text, size_t from) const;
  // Position of the next run of at least kRun members at or after `from`; text.size() when there is none. The run may have begun
  // before `from`.
  static constexpr size_t kRun = 12;
  [[nodiscard]] size_t next_run(std::string_view text, size_t from) const;
  // Calls use(position) for each member, in order; it returns from where on members count again (at least position + 1).
  template <class Use>
  void each(std::string_view text, Use use) const {
    size_t resume = 0;
    size_t at = 0;
    for (; at + kBlock <= text.size(); at += kBlock) {
      if (resume >= at + kBlock) {
        at = resume / kBlock * kBlock;
        if (at + kBlock > text.size()) break;
      }
      for (uint64_t mask = members(text.data() + at); mask != 0; mask &= mask - 1) {
        const size_t place = at + static_cast<size_t>(__builtin_ctzll(mask));
        if (place >= resume) resume = use(place);
      }
    }
    for (at = at > resume ? at : resume; at < text.size(); at = at + 1 > resume ? at + 1 : resume) {
      if (contains(text[at])) resume = use(at);
    }
  }
  // Members among the 64 bytes, one bit each.
  static constexpr size_t kBlock = 64;
  [[nodiscard]] uint64_t members(const char* bytes) const;

 private:
  alignas(16) std::array<uint8_t, 16> low_{};  // by low nibble: one bit for each high nibble
};

}  // namespace warden::classify
