// SPDX-License-Identifier: Apache-2.0
// Text forms of bytes: hex and base64 (RFC 4648). Decoding is strict: no stray characters, canonical padding bits zero.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace warden {

// Owned bytes are std::string and borrowed bytes std::string_view throughout, as in the libraries we use.
using Digest = std::array<uint8_t, 32>;

inline std::string_view view(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

std::string hex(std::string_view bytes);
std::optional<std::string> from_hex(std::string_view text);

std::string base64(std::string_view bytes);                            // standard alphabet, padded
std::optional<std::string> from_base64(std::string_view text);         // strict inverse of base64()
std::string base64url(std::string_view bytes);                         // URL alphabet, unpadded
std::optional<std::string> from_base64url(std::string_view text);      // strict inverse of base64url()

}  // namespace warden
