// SPDX-License-Identifier: Apache-2.0
// Any bytes: no crash, no waiting for ever, and a kind that does not change when more bytes follow.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "tlsproxy/intercept/beginning.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace warden::intercept;
  using Kind = Beginning::Kind;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Beginning whole = read_beginning(bytes);
  const Beginning early = read_beginning(bytes.substr(0, size / 2));
  const bool decided = early.kind != Kind::undecided && early.kind != Kind::partial;
  if (decided && (whole.kind != early.kind || whole.names != early.names || whole.tunnel != early.tunnel)) std::abort();
  if (early.kind == Kind::partial && whole.kind == Kind::undecided) std::abort();
  if (size >= 2 * kBeginningBytesMax && (whole.kind == Kind::partial || whole.kind == Kind::undecided)) std::abort();
  for (const std::string& name : whole.names)
    if (name.empty() || name.find_first_of("\r\n") != std::string::npos) std::abort();
  return 0;
}
