// SPDX-License-Identifier: Apache-2.0
// What a worker sends: it parses to a draft that is written back byte for byte and encodes to canonical JSON,
// or it is refused.
#include <cstdlib>

#include "audit/record/encoder.h"
#include "audit/record/json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace warden::audit;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const bool canonical = is_canonical(bytes);
  if (canonical) static_cast<void>(find(bytes, "a.b"));
  const auto draft = Draft::parse(bytes, true);
  if (!draft) return 0;
  std::string again, leaf, disclosures;
  draft->serialise(again);
  if (again != bytes) std::abort();
  static Encoder encoder;
  if (encoder.encode(*draft, {}, leaf, disclosures) && !is_canonical(leaf)) std::abort();
  return 0;
}
