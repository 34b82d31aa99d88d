// SPDX-License-Identifier: Apache-2.0
// Owning types for what OpenSSL hands out, and the few PEM steps that more than one file here needs.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace warden::tls {

template <auto Free>
struct FreeBy {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};

using BioPtr = std::unique_ptr<BIO, FreeBy<BIO_free_all>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeBy<EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, FreeBy<X509_free>>;
using SslPtr = std::unique_ptr<SSL, FreeBy<SSL_free>>;
using SslContextPtr = std::unique_ptr<SSL_CTX, FreeBy<SSL_CTX_free>>;
using SessionPtr = std::unique_ptr<SSL_SESSION, FreeBy<SSL_SESSION_free>>;

// The last error of this thread's queue in OpenSSL's words; empties the queue.
std::string openssl_reason();

std::string to_pem(X509* certificate);
std::string to_pem(EVP_PKEY* key);  // PKCS#8, unencrypted
// Every certificate of the text; text between them is skipped. Nothing when a block is broken.
std::optional<std::vector<CertificatePtr>> certificates_from_pem(std::string_view pem);
KeyPtr key_from_pem(std::string_view pem);

int64_t seconds_of(const ASN1_TIME* time);  // since the epoch; 0 when unreadable
std::string subject_of(X509* certificate);  // one line, RFC 2253
std::string common_name_of(X509* certificate);
std::string key_digest_of(X509* certificate);  // SHA-256 of the public key, raw bytes
std::string date_of(int64_t seconds);          // 2026-11-23

}  // namespace warden::tls
