// SPDX-License-Identifier: Apache-2.0
// SHA-256 and HMAC-SHA-256 by OpenSSL, and random bytes. A failure inside OpenSSL here is out of memory: abort.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "agent/base/bytes.h"

struct evp_md_ctx_st;

namespace warden {

Digest sha256(std::string_view bytes);
Digest hmac_sha256(std::string_view key, std::string_view bytes);
std::string random_bytes(size_t count);

// HMAC-SHA-256 under one key, for a hot path: the key is hashed once. Not thread-safe.
class HmacSha256 {
 public:
  explicit HmacSha256(std::string_view key);
  [[nodiscard]] Digest of(std::string_view bytes) const;

 private:
  using Context = std::unique_ptr<evp_md_ctx_st, void (*)(evp_md_ctx_st*)>;
  Context inner_, outer_;  // RFC 2104: the hash after the key and its padding
  Context work_;
};

// Incremental SHA-256; reusable after finish(), so a hot path keeps one.
class Sha256 {
 public:
  Sha256();
  void update(std::string_view bytes);
  Digest finish();  // and starts anew

 private:
  std::unique_ptr<evp_md_ctx_st, void (*)(evp_md_ctx_st*)> context_;
};

}  // namespace warden
