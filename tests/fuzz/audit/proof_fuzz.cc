// SPDX-License-Identifier: Apache-2.0
// A proof file that parses is written back byte for byte; checking any proof ends.
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "audit/chain/proof.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace warden::chain;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto proof = TlogProof::parse(bytes); proof && proof->format() != bytes) std::abort();
  if (size < 16) return 0;
  uint64_t numbers[2];
  std::memcpy(numbers, data, sizeof numbers);
  Proof hashes(std::min<size_t>((size - 16) / 32, 80));
  for (size_t i = 0; i < hashes.size(); ++i) std::memcpy(hashes[i].data(), data + 16 + 32 * i, 32);
  const warden::Digest none{};
  static_cast<void>(verify_inclusion(hashes, numbers[0], numbers[1], none, none));
  static_cast<void>(verify_consistency(hashes, numbers[0], numbers[1], none, none));
  return 0;
}
