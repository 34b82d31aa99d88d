// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/tls/staple.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>

namespace warden::tls {
namespace {

constexpr long kClockSkew_s = 300;
constexpr long kStatusRequest = 5;  // the TLS feature that must-staple names

using ResponsePtr = std::unique_ptr<OCSP_RESPONSE, FreeBy<OCSP_RESPONSE_free>>;
using BasicPtr = std::unique_ptr<OCSP_BASICRESP, FreeBy<OCSP_BASICRESP_free>>;
using IdPtr = std::unique_ptr<OCSP_CERTID, FreeBy<OCSP_CERTID_free>>;

enum class Staple { good, revoked, useless };

bool must_staple(X509* leaf) {
  auto* features = static_cast<TLS_FEATURE*>(X509_get_ext_d2i(leaf, NID_tlsfeature, nullptr, nullptr));
  bool found = false;
  for (int i = 0; i < sk_ASN1_INTEGER_num(features); ++i)
    found |= ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, i)) == kStatusRequest;
  TLS_FEATURE_free(features);
  return found;
}

// The answer names the certificate by hashes of the responder's choice, so ours is made with the same one.
bool is_about(OCSP_SINGLERESP* answer, X509* leaf, X509* issuer) {
  auto* id = const_cast<OCSP_CERTID*>(OCSP_SINGLERESP_get0_id(answer));
  ASN1_OBJECT* algorithm = nullptr;
  if (OCSP_id_get0_info(nullptr, &algorithm, nullptr, nullptr, id) != 1) return false;
  const EVP_MD* digest = EVP_get_digestbyobj(algorithm);
  if (digest == nullptr) return false;
  const IdPtr ours(OCSP_cert_to_id(digest, leaf, issuer));
  return ours && OCSP_id_cmp(ours.get(), id) == 0;
}

Staple status_in(OCSP_BASICRESP* basic, X509* leaf, X509* issuer) {
  Staple result = Staple::useless;
  for (int i = 0; i < OCSP_resp_count(basic); ++i) {
    OCSP_SINGLERESP* answer = OCSP_resp_get0(basic, i);
    if (!is_about(answer, leaf, issuer)) continue;
    ASN1_GENERALIZEDTIME* from = nullptr;
    ASN1_GENERALIZEDTIME* until = nullptr;
    const int status = OCSP_single_get0_status(answer, nullptr, nullptr, &from, &until);
    if (status == V_OCSP_CERTSTATUS_REVOKED) return Staple::revoked;  // stays so, however old the answer is
    if (status == V_OCSP_CERTSTATUS_GOOD && OCSP_check_validity(from, until, kClockSkew_s, -1) == 1)
      result = Staple::good;
  }
  return result;
}

Staple read_staple(SSL* ssl, X509* leaf, X509_STORE* anchors) {
  const unsigned char* bytes = nullptr;
  const long size = SSL_get_tlsext_status_ocsp_resp(ssl, &bytes);
  STACK_OF(X509)* chain = SSL_get0_verified_chain(ssl);
  if (bytes == nullptr || size <= 0 || sk_X509_num(chain) < 1) return Staple::useless;
  const ResponsePtr response(d2i_OCSP_RESPONSE(nullptr, &bytes, size));
  if (!response || OCSP_response_status(response.get()) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
    return Staple::useless;
  const BasicPtr basic(OCSP_response_get1_basic(response.get()));
  if (!basic || OCSP_basic_verify(basic.get(), chain, anchors, 0) != 1) return Staple::useless;
  X509* issuer = sk_X509_value(chain, sk_X509_num(chain) > 1 ? 1 : 0);
  return status_in(basic.get(), leaf, issuer);
}

}  // namespace

std::string judge_staple(SSL* ssl, X509_STORE* anchors) {
  X509* leaf = SSL_get0_peer_certificate(ssl);
  if (leaf == nullptr) return "no certificate";
  const Staple staple = read_staple(ssl, leaf, anchors);
  ERR_clear_error();
  if (staple == Staple::revoked) return "revoked, by the stapled OCSP answer";
  if (staple == Staple::useless && must_staple(leaf))
    return "demands a stapled OCSP answer, and no valid one came";
  return {};
}

}  // namespace warden::tls
