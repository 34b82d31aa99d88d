// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/byte_set.h"

#ifdef __x86_64__
#include <tmmintrin.h>
#endif

namespace warden::classify {
namespace {

#ifdef __x86_64__
// Each byte's low nibble picks the row, its high nibble the bit of the row; bytes from 0x80 pick no bit.
__attribute__((target("ssse3"))) size_t next_block(std::string_view text, size_t at, const uint8_t* low) {
  const __m128i rows = _mm_load_si128(reinterpret_cast<const __m128i*>(low));
  const __m128i bits = _mm_setr_epi8(1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0, 0, 0);
  const __m128i nibble = _mm_set1_epi8(15);
  for (; at + 16 <= text.size(); at += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + at));
    const __m128i row = _mm_shuffle_epi8(rows, bytes);  // bytes from 0x80 give 0
    const __m128i bit = _mm_shuffle_epi8(bits, _mm_and_si128(_mm_srli_epi16(bytes, 4), nibble));
    const int none = _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_and_si128(row, bit), _mm_setzero_si128()));
    if (none != 0xFFFF) return at + static_cast<size_t>(__builtin_ctz(~static_cast<unsigned>(none)));
  }
  return at;
}

__attribute__((target("ssse3"))) uint64_t members_of(const char* bytes64, const uint8_t* low) {
  const __m128i rows = _mm_load_si128(reinterpret_cast<const __m128i*>(low));
  const __m128i bits = _mm_setr_epi8(1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0, 0, 0);
  const __m128i nibble = _mm_set1_epi8(15);
  uint64_t none = 0;
  for (int i = 0; i < 4; ++i) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes64 + 16 * i));
    const __m128i bit = _mm_shuffle_epi8(bits, _mm_and_si128(_mm_srli_epi16(bytes, 4), nibble));
    const __m128i hit = _mm_and_si128(_mm_shuffle_epi8(rows, bytes), bit);
    none |= static_cast<uint64_t>(static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(hit, _mm_setzero_si128())))) << (16 * i);
  }
  return ~none;
}

// Where runs of kRun ones begin in `mask`.
uint64_t run_starts(uint64_t mask) {
  static_assert(ByteSet::kRun == 12);
  mask &= mask >> 1;
  mask &= mask >> 2;
  mask &= mask >> 4;
  return mask & (mask >> 4);
}

const bool kBlocks = __builtin_cpu_supports("ssse3") != 0;
#endif

}  // namespace

uint64_t ByteSet::members(const char* bytes) const {
#ifdef __x86_64__
  if (kBlocks) return members_of(bytes, low_.data());
#endif
  uint64_t mask = 0;
  for (size_t i = 0; i < kBlock; ++i) mask |= uint64_t{contains(bytes[i])} << i;
  return mask;
}

size_t ByteSet::next(std::string_view text, size_t from) const {
  size_t at = from;
#ifdef __x86_64__
  if (kBlocks) at = next_block(text, at, low_.data());
#endif
  while (at < text.size() && !contains(text[at])) ++at;
  return at < text.size() ? at : text.size();
}

size_t ByteSet::next_run(std::string_view text, size_t from) const {
  size_t at = from;
#ifdef __x86_64__
  // Windows overlap by a run less one, so that none is cut.
  for (; kBlocks && at + kBlock <= text.size(); at += kBlock - kRun + 1) {
    const uint64_t starts = run_starts(members(text.data() + at));
    if (starts != 0) return at + static_cast<size_t>(__builtin_ctzll(starts));
  }
#endif
  for (size_t count = 0; at < text.size(); ++at) {
    count = contains(text[at]) ? count + 1 : 0;
    if (count == kRun) return at + 1 - kRun;
  }
  return text.size();
}

}  // namespace warden::classify
