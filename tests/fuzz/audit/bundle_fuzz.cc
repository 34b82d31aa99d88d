// SPDX-License-Identifier: Apache-2.0
// A bundle that parses is its entries and nothing else; a tile's name has one spelling.
#include <cstdlib>

#include "audit/chain/tile.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace warden::chain;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto name = TileName::parse(bytes); name && name->path() != bytes) std::abort();
  if (size == 0) return 0;
  const std::string_view bundle = bytes.substr(1);
  if (const auto entries = parse_bundle(bundle, data[0])) {
    std::string again;
    for (const std::string_view entry : *entries) append_entry(again, entry);
    if (again != bundle) std::abort();
  }
  return 0;
}
