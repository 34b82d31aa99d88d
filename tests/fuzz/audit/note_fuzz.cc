// SPDX-License-Identifier: Apache-2.0
// A note or key that parses is written back byte for byte.
#include <cstdlib>

#include "audit/chain/checkpoint.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace warden::chain;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto note = parse_note(bytes); note && format_note(note->text, note->signatures) != bytes)
    std::abort();
  if (const auto point = Checkpoint::parse(bytes); point && point->text() != bytes) std::abort();
  if (const auto key = Verifier::parse(bytes); key && key->vkey() != bytes) std::abort();
  return 0;
}
