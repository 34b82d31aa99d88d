// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/tls/x509.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <array>
#include <ctime>

namespace warden::tls {
namespace {

std::string content_of(BIO* memory) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  return size > 0 ? std::string(data, static_cast<size_t>(size)) : std::string();
}

BioPtr memory_of(std::string_view text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// No prompt on a terminal for an encrypted key: it is refused instead.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

}  // namespace

std::string openssl_reason() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason != nullptr ? reason : "no reason given";
}

std::string to_pem(X509* certificate) {
  const BioPtr memory(BIO_new(BIO_s_mem()));
  return PEM_write_bio_X509(memory.get(), certificate) == 1 ? content_of(memory.get()) : std::string();
}

std::string to_pem(EVP_PKEY* key) {
  const BioPtr memory(BIO_new(BIO_s_secmem()));
  if (PEM_write_bio_PKCS8PrivateKey(memory.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) return {};
  return content_of(memory.get());
}

std::optional<std::vector<CertificatePtr>> certificates_from_pem(std::string_view pem) {
  const BioPtr memory = memory_of(pem);
  std::vector<CertificatePtr> certificates;
  while (X509* certificate = PEM_read_bio_X509(memory.get(), nullptr, no_passphrase, nullptr))
    certificates.emplace_back(certificate);
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (!at_end) return std::nullopt;
  return certificates;
}

KeyPtr key_from_pem(std::string_view pem) {
  const BioPtr memory = memory_of(pem);
  KeyPtr key(PEM_read_bio_PrivateKey(memory.get(), nullptr, no_passphrase, nullptr));
  ERR_clear_error();
  return key;
}

int64_t seconds_of(const ASN1_TIME* time) {
  std::tm broken{};
  if (ASN1_TIME_to_tm(time, &broken) != 1) return 0;
  return ::timegm(&broken);
}

std::string subject_of(X509* certificate) {
  const BioPtr memory(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(memory.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  return content_of(memory.get());
}

std::string common_name_of(X509* certificate) {
  std::array<char, 256> name{};
  const int size =
      X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name.data(), name.size());
  return size > 0 ? std::string(name.data(), static_cast<size_t>(size)) : std::string();
}

std::string key_digest_of(X509* certificate) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (X509_pubkey_digest(certificate, EVP_sha256(), digest, &size) != 1) return {};
  return {reinterpret_cast<const char*>(digest), size};
}

std::string date_of(int64_t seconds) {
  const std::time_t time = seconds;
  std::tm broken{};
  char text[32];
  if (::gmtime_r(&time, &broken) == nullptr ||
      std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &broken) == 0)
    return "unknown date";
  return text;
}

}  // namespace warden::tls
