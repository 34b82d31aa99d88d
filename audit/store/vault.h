// SPDX-License-Identifier: Apache-2.0
// Vault: the host's secret (32 bytes in `host.key`, 0600) and what is derived from it: sealing of keys and
// disclosures with AES-256-GCM, and keyed digests. Whoever has the log but not this file reads no disclosure
// and signs nothing.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/base/result.h"
#include "audit/store/writer.h"

struct evp_cipher_ctx_st;

namespace warden::audit {

class Vault {
 public:
  // `create`: makes the file when it is not there.
  static Result<Vault, StoreError> open(const std::string& path, bool create);

  [[nodiscard]] std::string derive(std::string_view label) const;  // 32 bytes
  // The digest of the machine id under the host's secret: 32 hex digits.
  [[nodiscard]] std::string host_id() const;

 private:
  explicit Vault(std::string secret) : secret_(std::move(secret)) {}
  std::string secret_;
};

// Seals many texts under one key, whose schedule is worked out once. Not thread-safe.
class Sealer {
 public:
  explicit Sealer(std::string_view key);
  // Replaces `sealed` by nonce || ciphertext || tag, bound to `context`.
  void seal(std::string_view context, std::string_view plain, std::string& sealed);

 private:
  std::unique_ptr<evp_cipher_ctx_st, void (*)(evp_cipher_ctx_st*)> cipher_;
};

std::string seal(std::string_view key, std::string_view context, std::string_view plain);
std::optional<std::string> unseal(std::string_view key, std::string_view context, std::string_view sealed);

}  // namespace warden::audit
