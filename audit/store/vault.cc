// SPDX-License-Identifier: Apache-2.0
#include "audit/store/vault.h"

#include <openssl/evp.h>
#include <unistd.h>

#include <memory>

#include "agent/base/check.h"
#include "agent/base/digest.h"
#include "agent/base/file.h"

namespace warden::audit {
namespace {

constexpr size_t kKeyBytes = 32, kNonceBytes = 12, kTagBytes = 16;

const EVP_CIPHER* aes() {
  static EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return cipher;
}

EVP_CIPHER_CTX* context_of_thread() {
  thread_local const std::unique_ptr<EVP_CIPHER_CTX, void (*)(EVP_CIPHER_CTX*)> context(EVP_CIPHER_CTX_new(),
                                                                                        EVP_CIPHER_CTX_free);
  WARDEN_CHECK(context);
  return context.get();
}

const unsigned char* raw(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* raw(std::string& bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

}  // namespace

Result<Vault, StoreError> Vault::open(const std::string& path, bool create) {
  if (create && ::access(path.c_str(), F_OK) != 0)
    if (const auto written = write_file(path, random_bytes(kKeyBytes), 0600); !written)
      return fail(StoreError::cannot_open, written.error().detail);
  auto secret = read_file(path, 4096);
  if (!secret) return fail(StoreError::cannot_open, secret.error().detail);
  if (secret->size() != kKeyBytes)
    return fail(StoreError::corrupt, path + ": want 32 bytes; restore it from a backup");
  return Vault(std::move(*secret));
}

std::string Vault::derive(std::string_view label) const {
  return std::string(view(hmac_sha256(secret_, label)));
}

std::string Vault::host_id() const {
  const auto machine = read_file("/etc/machine-id", 4096);
  const Digest digest = hmac_sha256(secret_, "host id\n" + (machine ? *machine : std::string()));
  return hex(view(digest).substr(0, 16));
}

Sealer::Sealer(std::string_view key) : cipher_(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free) {
  WARDEN_CHECK(key.size() == kKeyBytes && cipher_);
  WARDEN_CHECK(EVP_EncryptInit_ex(cipher_.get(), aes(), nullptr, raw(key), nullptr) == 1);
}

void Sealer::seal(std::string_view context, std::string_view plain, std::string& sealed) {
  thread_local std::string nonces;
  if (nonces.size() < kNonceBytes) nonces = random_bytes(kNonceBytes * 256);
  sealed.assign(nonces, nonces.size() - kNonceBytes);
  nonces.resize(nonces.size() - kNonceBytes);
  sealed.resize(kNonceBytes + plain.size() + kTagBytes);
  EVP_CIPHER_CTX* const cipher = cipher_.get();
  int length = 0;
  WARDEN_CHECK(EVP_EncryptInit_ex(cipher, nullptr, nullptr, nullptr, raw(std::string_view(sealed))) == 1 &&
               EVP_EncryptUpdate(cipher, nullptr, &length, raw(context), static_cast<int>(context.size())) ==
                   1 &&
               EVP_EncryptUpdate(cipher, raw(sealed) + kNonceBytes, &length, raw(plain),
                                 static_cast<int>(plain.size())) == 1 &&
               EVP_EncryptFinal_ex(cipher, raw(sealed) + kNonceBytes + plain.size(), &length) == 1 &&
               EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, kTagBytes,
                                   raw(sealed) + kNonceBytes + plain.size()) == 1);
}

std::string seal(std::string_view key, std::string_view context, std::string_view plain) {
  std::string sealed;
  Sealer(key).seal(context, plain, sealed);
  return sealed;
}

std::optional<std::string> unseal(std::string_view key, std::string_view context, std::string_view sealed) {
  if (key.size() != kKeyBytes || sealed.size() < kNonceBytes + kTagBytes) return std::nullopt;
  const size_t size = sealed.size() - kNonceBytes - kTagBytes;
  std::string tag(sealed.substr(kNonceBytes + size)), plain(size + 1, '\0');
  EVP_CIPHER_CTX* const cipher = context_of_thread();
  int length = 0;
  WARDEN_CHECK(EVP_DecryptInit_ex(cipher, aes(), nullptr, raw(key), raw(sealed)) == 1);
  const bool good =
      EVP_DecryptUpdate(cipher, nullptr, &length, raw(context), static_cast<int>(context.size())) == 1 &&
      EVP_DecryptUpdate(cipher, raw(plain), &length, raw(sealed.substr(kNonceBytes)),
                        static_cast<int>(size)) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_TAG, kTagBytes, raw(tag)) == 1 &&
      EVP_DecryptFinal_ex(cipher, raw(plain) + size, &length) == 1;
  plain.resize(size);
  return good ? std::optional(std::move(plain)) : std::nullopt;
}

}  // namespace warden::audit
