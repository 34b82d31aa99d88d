// SPDX-License-Identifier: Apache-2.0
// Hostile bytes for the parser, cut in two ways: same result, and never more taken than the message holds. The first byte
// chooses the side, the second the size of the pieces.
#include <cstdlib>

#include "tests/unit/http/message.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace warden::http;
  if (size < 2) return 0;
  const Side side = (data[0] & 1) != 0 ? Side::response : Side::request;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const Limits limits{.head_bytes_max = 512, .headers_max = 8};
  const Outcome whole = parse(side, bytes, {}, true, limits);
  if (whole.taken > bytes.size()) std::abort();
  if (parse(side, bytes, {size_t{data[1]} + 1}, true, limits) != whole) std::abort();
  if (parse(side, bytes, {1}, true, limits) != whole) std::abort();
  // What was taken is a message by itself.
  if (whole.complete && parse(side, bytes.substr(0, whole.taken), {}, true, limits) != whole) std::abort();
  return 0;
}
