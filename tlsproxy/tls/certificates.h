// SPDX-License-Identifier: Apache-2.0
// The certificates of an authority (RFC 5280): root, issuing CA with its name constraints, leaves. Only makes
// them; what is stored, reused or refused is authority.cc's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tlsproxy/tls/x509.h"

namespace warden::tls {

inline constexpr int64_t kDay_s = 24 * 60 * 60;
inline constexpr int64_t kAuthorityLife_s = 365 * kDay_s;
inline constexpr int64_t kLeafLife_s = 30 * kDay_s;
// The subject's first words, by which every authority of ours is known in a trust store.
inline constexpr std::string_view kAuthorityName = "Egresswarden host authority";

struct Issuer {
  CertificatePtr root;
  CertificatePtr issuing;
  KeyPtr issuing_key;
};

// `subtrees`: DNS names without wildcard. The root's key exists only inside this call. Null members: OpenSSL
// failed.
Issuer make_issuer(const std::vector<std::string>& subtrees, std::string_view hostname, int64_t now_s);

struct SignedLeaf {
  CertificatePtr certificate;
  KeyPtr key;
  int64_t not_after_s = 0;
};

// `alternative_name` in OpenSSL's form, "DNS:api.example.com". Judges nothing: the name constraints are for
// the reader of the certificate to enforce, which is what tests/e2e/authority proves of each client.
SignedLeaf sign_leaf(const Issuer& issuer, const std::string& alternative_name, int64_t now_s);

// The permitted DNS subtrees of an issuing certificate; empty when it is not one of ours (no critical
// constraints).
std::vector<std::string> subtrees_of(X509* issuing);

}  // namespace warden::tls
