// SPDX-License-Identifier: Apache-2.0
// Beginning: what a stream to an unknown address begins with, for strict mode: a client hello, or an HTTP/1 request that names a
// host, itself or behind a proxy. Reads as the tripwire in the kernel does (bpf/lib/opening.h), since it stands in its place.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tlsproxy/tls/client_hello.h"

namespace warden::intercept {

inline constexpr size_t kBeginningBytesMax = 32 * 1024;  // of a hello or a head; a longer one is `unreadable`

struct Beginning {
  enum class Kind : uint8_t {
    undecided,   // too short to tell
    partial,     // a hello or a head, not whole yet
    tls,
    http,
    other,       // something else
    unreadable,  // a hello that is malformed, or a hello or head too long: its name cannot be found
  };
  Kind kind = Kind::undecided;
  tls::ClientHello hello;          // tls
  std::vector<std::string> names;  // http: every host that the head names, lower case, without port or trailing dot
  bool tunnel = false;             // http: a proxy is asked for something elsewhere, which may begin behind this
};

// `bytes`: everything since the beginning. More of them never change a kind that is neither `undecided` nor `partial`.
Beginning read_beginning(std::string_view bytes);

}  // namespace warden::intercept
