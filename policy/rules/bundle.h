// SPDX-License-Identifier: Apache-2.0
// Bundle: a policy file, or a folder of them, parsed with line and column, verified and compiled. A bundle that fails any
// step yields no Program, so it never replaces a good one. Format: policy/rules/FORMAT.md. Signature: DSSE, Ed25519.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"
#include "policy/decide/decide.h"

namespace warden::policy {

enum class BundleError { unreadable, syntax, unknown_name, invalid_value, unsigned_bundle, bad_signature };

struct TrustedKey {
  std::string id;          // hex SHA-256 of the raw public key, first 16 digits
  std::string public_key;  // 32 bytes, Ed25519
};

struct LoadOptions {
  std::vector<TrustedKey> trusted;
  bool allow_unsigned = false;
  // Asked for every class and detector a rule names; empty functions accept all.
  std::function<bool(std::string_view)> knows_class;
  std::function<bool(std::string_view)> knows_detector;
};

// The exact bytes of a bundle with its signature beside it, as they travel from the supervisor to the workers.
struct BundleSource {
  std::string path;                                    // for messages
  std::vector<std::pair<std::string, std::string>> files;  // name, content; sorted by name
  std::string envelope;                                // the DSSE JSON, empty when there is none
};

Result<BundleSource, BundleError> read_bundle(const std::string& path);
Result<std::shared_ptr<const Program>, BundleError> compile(const BundleSource& source, const LoadOptions& options);

// Writes the DSSE envelope beside the bundle (bundle.dsse.json). `private_key_pem`: PKCS#8 Ed25519.
Result<void, BundleError> sign_bundle(const std::string& path, const std::string& private_key_pem);
Result<TrustedKey, BundleError> read_trusted_key(const std::string& pem_path);

}  // namespace warden::policy
