// SPDX-License-Identifier: Apache-2.0
// Why a handshake or a transfer failed, told from OpenSSL's state into the few kinds that callers act on and
// a sentence for the operator. Names out of certificates are a peer's words: printable and cut before they
// reach `detail`.
#pragma once

#include <string>

#include "tlsproxy/tls/descriptor_bio.h"
#include "tlsproxy/tls/x509.h"

namespace warden::tls {

struct Failure {
  enum Kind { closed, timeout, handshake, untrusted, bad_certificate };
  Kind kind;
  std::string detail;
};

// `ssl_error`: what SSL_get_error said right after the failed call; the error queue is read and emptied.
Failure client_leg_failure(SSL* ssl, int ssl_error, const DescriptorBio& bio);
Failure provider_leg_failure(SSL* ssl, int ssl_error, const DescriptorBio& bio, const std::string& host);
// Why a certificate was refused, asked while OpenSSL verifies: after a failure it keeps no certificate to
// name.
std::string refusal(X509_STORE_CTX* verification);
Failure transfer_failure(int ssl_error, const DescriptorBio& bio);
Failure socket_failure(int error);

}  // namespace warden::tls
