// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/tls/certificates.h"

#include <openssl/bn.h>
#include <openssl/err.h>

#include <algorithm>
#include <cstring>

#include "agent/base/bytes.h"
#include "agent/base/digest.h"

namespace warden::tls {
namespace {

constexpr int64_t kClockSkew_s = 60 * 60;

KeyPtr new_key() {
  return KeyPtr(EVP_EC_gen("P-256"));
}

bool set_serial(X509* certificate) {
  std::string random = random_bytes(16);
  random[0] = static_cast<char>((random[0] & 0x3f) | 0x40);  // positive, and always 16 bytes
  BIGNUM* number = BN_bin2bn(reinterpret_cast<const unsigned char*>(random.data()), 16, nullptr);
  const bool ok =
      number != nullptr && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nullptr;
  BN_free(number);
  return ok;
}

bool add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  const bool ok = extension != nullptr && X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return ok;
}

bool add_subtree(STACK_OF(GENERAL_SUBTREE)** list, GENERAL_NAME* name) {
  if (*list == nullptr) *list = sk_GENERAL_SUBTREE_new_null();
  GENERAL_SUBTREE* subtree = GENERAL_SUBTREE_new();
  GENERAL_NAME_free(subtree->base);
  subtree->base = name;
  return sk_GENERAL_SUBTREE_push(*list, subtree) > 0;
}

GENERAL_NAME* octets_name(int type, int string_type, std::string_view octets) {
  ASN1_STRING* text = ASN1_STRING_type_new(string_type);
  ASN1_STRING_set(text, octets.data(), static_cast<int>(octets.size()));
  GENERAL_NAME* name = GENERAL_NAME_new();
  GENERAL_NAME_set0_value(name, type, text);
  return name;
}

// Built as structures: the text form would let a name with a comma or a semicolon say something else.
bool add_constraints(X509* certificate, const std::vector<std::string>& subtrees) {
  NAME_CONSTRAINTS* constraints = NAME_CONSTRAINTS_new();
  bool ok = true;
  for (const std::string& name : subtrees)
    ok &= add_subtree(&constraints->permittedSubtrees, octets_name(GEN_DNS, V_ASN1_IA5STRING, name));
  for (const size_t size : {8U, 32U})  // address and mask all zero: every IPv4, every IPv6 address
    ok &= add_subtree(&constraints->excludedSubtrees,
                      octets_name(GEN_IPADD, V_ASN1_OCTET_STRING, std::string(size, '\0')));
  ok &= X509_add1_ext_i2d(certificate, NID_name_constraints, constraints, 1, X509V3_ADD_DEFAULT) == 1;
  NAME_CONSTRAINTS_free(constraints);
  return ok;
}

bool set_times(X509* certificate, int64_t from_s, int64_t until_s) {
  return ASN1_TIME_set(X509_getm_notBefore(certificate), from_s) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), until_s) != nullptr;
}

CertificatePtr blank(EVP_PKEY* key, int64_t from_s, int64_t until_s) {
  CertificatePtr certificate(X509_new());
  if (!certificate || X509_set_version(certificate.get(), X509_VERSION_3) != 1 ||
      !set_serial(certificate.get()) || !set_times(certificate.get(), from_s, until_s) ||
      X509_set_pubkey(certificate.get(), key) != 1)
    return {};
  return certificate;
}

// A common name holds 64 characters (RFC 5280 appendix A.1), so a long host name is cut. The unit keeps the
// authorities of one host apart where readers look up issuers by subject alone.
bool set_subject(X509* certificate, std::string_view title, std::string_view hostname,
                 const std::string& unit) {
  std::string name = std::string(title) + " " + std::string(hostname);
  name.resize(std::min<size_t>(name.size(), 64));
  X509_NAME* subject = X509_get_subject_name(certificate);
  const auto add = [&](const char* field, const std::string& value) {
    return X509_NAME_add_entry_by_txt(subject, field, MBSTRING_UTF8,
                                      reinterpret_cast<const unsigned char*>(value.data()),
                                      static_cast<int>(value.size()), -1, 0) == 1;
  };
  return add("O", "Egresswarden") && add("OU", unit) && add("CN", name);
}

bool sign(X509* certificate, X509* issuer, EVP_PKEY* key) {
  return X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1 &&
         X509_sign(certificate, key, EVP_sha256()) > 0;
}

bool finish_root(X509* root, EVP_PKEY* key) {
  return add_extension(root, root, NID_basic_constraints, "critical,CA:TRUE,pathlen:1") &&
         add_extension(root, root, NID_key_usage, "critical,keyCertSign,cRLSign") &&
         add_extension(root, root, NID_subject_key_identifier, "hash") && sign(root, root, key);
}

bool finish_issuing(X509* issuing, X509* root, EVP_PKEY* root_key, const std::vector<std::string>& subtrees) {
  return add_extension(issuing, root, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
         add_extension(issuing, root, NID_key_usage, "critical,keyCertSign,cRLSign") &&
         add_extension(issuing, root, NID_ext_key_usage, "serverAuth") &&
         add_constraints(issuing, subtrees) &&
         add_extension(issuing, root, NID_subject_key_identifier, "hash") &&
         add_extension(issuing, root, NID_authority_key_identifier, "keyid:always") &&
         sign(issuing, root, root_key);
}

}  // namespace

Issuer make_issuer(const std::vector<std::string>& subtrees, std::string_view hostname, int64_t now_s) {
  const KeyPtr root_key = new_key();  // freed, and thereby cleared, when this call ends: it signs once
  Issuer issuer;
  issuer.issuing_key = new_key();
  if (!root_key || !issuer.issuing_key) return {};
  const int64_t from_s = now_s - kClockSkew_s;
  const int64_t until_s = from_s + kAuthorityLife_s;
  issuer.root = blank(root_key.get(), from_s, until_s);
  issuer.issuing = blank(issuer.issuing_key.get(), from_s, until_s);
  if (!issuer.root || !issuer.issuing) return {};
  const std::string unit = hex(random_bytes(4));
  if (!set_subject(issuer.root.get(), kAuthorityName, hostname, unit) ||
      !set_subject(issuer.issuing.get(), "Egresswarden issuing authority", hostname, unit) ||
      !finish_root(issuer.root.get(), root_key.get()) ||
      !finish_issuing(issuer.issuing.get(), issuer.root.get(), root_key.get(), subtrees)) {
    ERR_clear_error();
    return {};
  }
  return issuer;
}

SignedLeaf sign_leaf(const Issuer& issuer, const std::string& alternative_name, int64_t now_s) {
  X509* ca = issuer.issuing.get();
  const int64_t from_s = std::max(now_s - kClockSkew_s, seconds_of(X509_get0_notBefore(ca)));
  SignedLeaf leaf;
  leaf.not_after_s = std::min(from_s + kLeafLife_s, seconds_of(X509_get0_notAfter(ca)));
  leaf.key = new_key();
  if (leaf.key) leaf.certificate = blank(leaf.key.get(), from_s, leaf.not_after_s);
  X509* certificate = leaf.certificate.get();
  // The subject stays empty, so the alternative name is critical (RFC 5280 section 4.2.1.6).
  if (certificate == nullptr || !add_extension(certificate, ca, NID_basic_constraints, "critical,CA:FALSE") ||
      !add_extension(certificate, ca, NID_key_usage, "critical,digitalSignature") ||
      !add_extension(certificate, ca, NID_ext_key_usage, "serverAuth") ||
      !add_extension(certificate, ca, NID_subject_alt_name, "critical," + alternative_name) ||
      !add_extension(certificate, ca, NID_authority_key_identifier, "keyid:always") ||
      !sign(certificate, ca, issuer.issuing_key.get())) {
    ERR_clear_error();
    return {};
  }
  return leaf;
}

std::vector<std::string> subtrees_of(X509* issuing) {
  int critical = 0;
  auto* constraints =
      static_cast<NAME_CONSTRAINTS*>(X509_get_ext_d2i(issuing, NID_name_constraints, &critical, nullptr));
  std::vector<std::string> names;
  if (constraints != nullptr && critical == 1) {
    for (int i = 0; i < sk_GENERAL_SUBTREE_num(constraints->permittedSubtrees); ++i) {
      const GENERAL_NAME* base = sk_GENERAL_SUBTREE_value(constraints->permittedSubtrees, i)->base;
      if (base->type != GEN_DNS) continue;
      names.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(base->d.dNSName)),
                         static_cast<size_t>(ASN1_STRING_length(base->d.dNSName)));
    }
  }
  NAME_CONSTRAINTS_free(constraints);
  return names;
}

}  // namespace warden::tls
