// SPDX-License-Identifier: Apache-2.0
#include "agent/base/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <utility>

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

HmacSha256::HmacSha256(std::string_view key)
    : inner_(EVP_MD_CTX_new(), EVP_MD_CTX_free),
      outer_(EVP_MD_CTX_new(), EVP_MD_CTX_free),
      work_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
  constexpr size_t kBlockBytes = 64;
  std::string padded(key.size() > kBlockBytes ? std::string(view(sha256(key))) : key);
  padded.resize(kBlockBytes);
  for (const auto& [context, pad] : {std::pair(inner_.get(), '\x36'), std::pair(outer_.get(), '\x5c')}) {
    std::string block = padded;
    for (char& byte : block) byte = static_cast<char>(byte ^ pad);
    WARDEN_CHECK(context && EVP_DigestInit_ex(context, sha256_md(), nullptr) == 1 &&
                 EVP_DigestUpdate(context, block.data(), block.size()) == 1);
    OPENSSL_cleanse(block.data(), block.size());
  }
  OPENSSL_cleanse(padded.data(), padded.size());
  WARDEN_CHECK(work_);
}

Digest HmacSha256::of(std::string_view bytes) const {
  Digest digest;
  WARDEN_CHECK(EVP_MD_CTX_copy_ex(work_.get(), inner_.get()) == 1 &&
               EVP_DigestUpdate(work_.get(), bytes.data(), bytes.size()) == 1 &&
               EVP_DigestFinal_ex(work_.get(), digest.data(), nullptr) == 1);
  WARDEN_CHECK(EVP_MD_CTX_copy_ex(work_.get(), outer_.get()) == 1 &&
               EVP_DigestUpdate(work_.get(), digest.data(), digest.size()) == 1 &&
               EVP_DigestFinal_ex(work_.get(), digest.data(), nullptr) == 1);
  return digest;
}

std::string random_bytes(size_t count) {
  std::string bytes(count, '\0');
  WARDEN_CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) == 1);
  return bytes;
}

}  // namespace warden
