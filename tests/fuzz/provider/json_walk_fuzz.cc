// SPDX-License-Identifier: Apache-2.0
// The walk against Boost.JSON: same verdict, same events, on any bytes.
#include <cstdlib>

#include "tests/unit/provider/json_oracle.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view json(reinterpret_cast<const char*>(data), size);
  const auto oracle = warden::provider::read_by_boost(json);
  if (oracle.beyond_oracle) return 0;
  const auto ours = warden::provider::read_by_walk(json);
  if (ours.has_value() != oracle.accepted) std::abort();
  if (ours && *ours != oracle.events) std::abort();
  return 0;
}
