// SPDX-License-Identifier: Apache-2.0
#include "policy/rules/keys.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <memory>

#include "agent/base/check.h"
#include "agent/base/digest.h"
#include "agent/base/file.h"

namespace warden::policy {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Bio = std::unique_ptr<BIO, decltype(&BIO_free_all)>;
using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

constexpr size_t kPublicBytes = 32, kSignatureBytes = 64;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

TrustedKey trusted_key(const Key& key) {
  TrustedKey trusted;
  trusted.public_key.resize(kPublicBytes);
  size_t size = kPublicBytes;
  WARDEN_CHECK(EVP_PKEY_get_raw_public_key(
                   key.get(), reinterpret_cast<unsigned char*>(trusted.public_key.data()), &size) == 1);
  trusted.id = hex(view(sha256(trusted.public_key))).substr(0, 16);
  return trusted;
}

std::string content(const Bio& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<size_t>(size)};
}

// No passphrase is ever asked for: a command that runs in a pipeline must not wait for a terminal.
int no_passphrase(char*, int, int, void*) {
  return 0;
}

Bio reading(const std::string& pem) {
  return {BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free_all};
}

}  // namespace

KeyPair generate_key() {
  const Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_PKEY_free);
  const Bio secret(BIO_new(BIO_s_secmem()), BIO_free_all);
  const Bio open(BIO_new(BIO_s_mem()), BIO_free_all);
  WARDEN_CHECK(key && secret && open);
  WARDEN_CHECK(
      PEM_write_bio_PKCS8PrivateKey(secret.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  WARDEN_CHECK(PEM_write_bio_PUBKEY(open.get(), key.get()) == 1);
  return {content(secret), content(open), trusted_key(key)};
}

Result<TrustedKey, BundleError> parse_public_key(const std::string& pem) {
  const Bio bio = reading(pem);
  const Key key(PEM_read_bio_PUBKEY(bio.get(), nullptr, no_passphrase, nullptr), EVP_PKEY_free);
  ERR_clear_error();
  if (!key || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_ED25519)
    return fail(BundleError::invalid_value,
                "not an Ed25519 public key in PEM; make one with `egresswarden policy keygen`");
  return trusted_key(key);
}

Result<TrustedKey, BundleError> read_trusted_key(const std::string& pem_path) {
  const auto pem = read_file(pem_path, 1 << 16);
  if (!pem) return fail(BundleError::unreadable, pem.error().detail);
  auto key = parse_public_key(*pem);
  if (!key) return fail(key.error().code, pem_path + ": " + key.error().detail);
  return key;
}

Result<Signature, BundleError> sign_ed25519(const std::string& private_pem, std::string_view bytes) {
  const Bio bio = reading(private_pem);
  const Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr), EVP_PKEY_free);
  ERR_clear_error();
  if (!key || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_ED25519)
    return fail(BundleError::invalid_value, "not an unencrypted Ed25519 private key in PKCS#8 PEM");
  const Context context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  std::string signature(kSignatureBytes, '\0');
  size_t size = signature.size();
  WARDEN_CHECK(context && EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1);
  WARDEN_CHECK(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                              bytes_of(bytes), bytes.size()) == 1);
  return Signature{trusted_key(key).id, std::move(signature)};
}

bool verify_ed25519(std::string_view public_key, std::string_view bytes, std::string_view signature) {
  if (public_key.size() != kPublicBytes || signature.size() != kSignatureBytes) return false;
  const Key key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(public_key), public_key.size()),
      EVP_PKEY_free);
  const Context context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  const bool good =
      key && context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
      EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(bytes), bytes.size()) ==
          1;
  ERR_clear_error();
  return good;
}

}  // namespace warden::policy
