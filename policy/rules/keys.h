// SPDX-License-Identifier: Apache-2.0
// Ed25519 keys of policy signers, by OpenSSL. Private keys are PKCS#8 PEM (RFC 5958), public ones
// SubjectPublicKeyInfo PEM.
#pragma once

#include <string>
#include <string_view>

#include "policy/rules/bundle.h"

namespace warden::policy {

struct KeyPair {
  std::string private_pem, public_pem;
  TrustedKey key;
};

KeyPair generate_key();
Result<TrustedKey, BundleError> parse_public_key(const std::string& pem);

struct Signature {
  std::string key_id, bytes;
};
Result<Signature, BundleError> sign_ed25519(const std::string& private_pem, std::string_view bytes);
bool verify_ed25519(std::string_view public_key, std::string_view bytes, std::string_view signature);

}  // namespace warden::policy
