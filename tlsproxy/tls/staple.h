// SPDX-License-Identifier: Apache-2.0
// Stapled revocation of the provider leg (RFC 6066 section 8, RFC 6960, must-staple RFC 7633): judged after
// the chain was verified. A good or absent staple passes; `revoked` never does; must-staple demands a good
// one.
#pragma once

#include <string>

#include "tlsproxy/tls/x509.h"

namespace warden::tls {

// Empty: acceptable. Otherwise the reason, in the operator's words.
std::string judge_staple(SSL* ssl, X509_STORE* anchors);

}  // namespace warden::tls
