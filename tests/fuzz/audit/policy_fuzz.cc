// SPDX-License-Identifier: Apache-2.0
// A policy and a checkpoint, split at the first zero byte: reading both ends, whatever they are.
#include "audit/chain/policy.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const size_t split = bytes.find('\0');
  const auto policy = warden::chain::Policy::parse(bytes.substr(0, split));
  if (policy && split != std::string_view::npos) static_cast<void>(policy->open(bytes.substr(split + 1)));
  return 0;
}
