// SPDX-License-Identifier: Apache-2.0
#include "agent/base/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "agent/base/check.h"

namespace warden {
namespace {

// Fetched once: EVP_sha256() makes OpenSSL 3 look the algorithm up again on each use.
const EVP_MD* sha256_md() {
  static EVP_MD* const md = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return md;
}

}  // namespace

Sha256::Sha256() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
  WARDEN_CHECK(context_ && EVP_DigestInit_ex(context_.get(), sha256_md(), nullptr) == 1);
}

void Sha256::update(std::string_view bytes) {
  WARDEN_CHECK(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
}

Digest Sha256::finish() {
  Digest digest;
  WARDEN_CHECK(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1);
  WARDEN_CHECK(EVP_DigestInit_ex(context_.get(), sha256_md(), nullptr) == 1);
  return digest;
}

Digest sha256(std::string_view bytes) {
  thread_local Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

Digest hmac_sha256(std::string_view key, std::string_view bytes) {
  Digest digest;
  unsigned length = 0;
  WARDEN_CHECK(HMAC(sha256_md(), key.data(), static_cast<int>(key.size()),
                    reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data(), &length));
  return digest;
}

std::string random_bytes(size_t count) {
  std::string bytes(count, '\0');
  WARDEN_CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) == 1);
  return bytes;
}

}  // namespace warden
