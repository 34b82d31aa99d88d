// SPDX-License-Identifier: Apache-2.0
#include "pki.h"

#include <openssl/ocsp.h>

#include <ctime>

#include "agent/base/check.h"

namespace warden::tls {
namespace {

CertificatePtr blank(const std::string& name, EVP_PKEY* key, int64_t from_days, int64_t until_days) {
  CertificatePtr certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  static long serial = 100;
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), from_days * 86400);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), until_days * 86400);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return certificate;
}

void extend(X509* certificate, int nid, const std::string& value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
  WARDEN_CHECK(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

}  // namespace

TestPki::TestPki() : root_key_(EVP_EC_gen("P-256")), root_(blank("Test Root", root_key_.get(), -100, 100)) {
  X509_set_issuer_name(root_.get(), X509_get_subject_name(root_.get()));
  extend(root_.get(), NID_basic_constraints, "critical,CA:TRUE");
  extend(root_.get(), NID_key_usage, "critical,keyCertSign,digitalSignature");
  WARDEN_CHECK(X509_sign(root_.get(), root_key_.get(), EVP_sha256()) > 0);
}

Issued TestPki::issue(const Wish& wish) const {
  Issued issued{nullptr, KeyPtr(EVP_EC_gen("P-256"))};
  issued.certificate = blank("leaf", issued.key.get(), wish.from_days, wish.until_days);
  X509* leaf = issued.certificate.get();
  extend(leaf, NID_subject_alt_name, wish.names);
  if (wish.must_staple) extend(leaf, NID_tlsfeature, "status_request");
  X509* issuer = wish.self_signed ? leaf : root_.get();
  X509_set_issuer_name(leaf, X509_get_subject_name(issuer));
  WARDEN_CHECK(X509_sign(leaf, wish.self_signed ? issued.key.get() : root_key_.get(), EVP_sha256()) > 0);
  return issued;
}

std::string TestPki::staple(X509* certificate, int status) const {
  OCSP_BASICRESP* basic = OCSP_BASICRESP_new();
  OCSP_CERTID* id = OCSP_cert_to_id(EVP_sha1(), certificate, root_.get());
  ASN1_TIME* from = X509_gmtime_adj(nullptr, -600);
  ASN1_TIME* until = X509_gmtime_adj(nullptr, 3600);
  OCSP_basic_add1_status(basic, id, status, OCSP_REVOKED_STATUS_KEYCOMPROMISE, from, from, until);
  WARDEN_CHECK(OCSP_basic_sign(basic, root_.get(), root_key_.get(), EVP_sha256(), nullptr, 0) == 1);
  OCSP_RESPONSE* response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
  unsigned char* der = nullptr;
  const int size = i2d_OCSP_RESPONSE(response, &der);
  std::string bytes(reinterpret_cast<char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  OCSP_RESPONSE_free(response);
  OCSP_BASICRESP_free(basic);
  OCSP_CERTID_free(id);
  ASN1_TIME_free(from);
  ASN1_TIME_free(until);
  return bytes;
}

}  // namespace warden::tls
