// SPDX-License-Identifier: Apache-2.0
// ClientHello (RFC 8446 section 4.1.2), read before any handshake: to decide by name what a connection is. Tolerates hellos
// split over TCP segments and TLS records; anything else that is not a hello is `not_tls` or `malformed`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"

namespace warden::tls {

enum class HelloError { incomplete, not_tls, malformed, too_large };

struct ClientHello {
  std::string server_name;         // lower case, without trailing dot; empty: none sent
  std::vector<std::string> alpn;   // in the client's order
  bool tls13 = false;              // offers TLS 1.3
  bool encrypted_hello = false;    // carries the ECH extension (browsers always do: no signal by itself)
};

// `bytes`: everything the client has sent so far. incomplete: read more (up to 32 KiB) and ask again.
Result<ClientHello, HelloError> read_client_hello(std::string_view bytes);

}  // namespace warden::tls
