// SPDX-License-Identifier: Apache-2.0
// Any bytes: no crash, and a verdict that does not change when more bytes follow.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "tlsproxy/tls/client_hello.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using warden::tls::HelloError;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto whole = warden::tls::read_client_hello(bytes);
  const auto early = warden::tls::read_client_hello(bytes.substr(0, size / 2));
  if (early && !whole) std::abort();
  if (early && early->server_name != whole->server_name) std::abort();
  const bool decided =
      !early && early.error().code != HelloError::incomplete && early.error().code != HelloError::too_large;
  if (decided && (whole || whole.error().code != early.error().code)) std::abort();
  return 0;
}
