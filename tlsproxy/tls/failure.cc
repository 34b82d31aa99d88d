// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/tls/failure.h"

#include <openssl/err.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tlsproxy/tls/context_state.h"

namespace warden::tls {
namespace {

constexpr int kBadCertificate = 42;
constexpr int kCertificateUnknown = 46;
constexpr int kUnknownCa = 48;

struct Cause {
  int alert = 0;  // that the peer sent
  bool ended = false;
  bool reset = false;
  std::string reason;
};

Cause take_cause(int ssl_error, const DescriptorBio& bio) {
  Cause cause;
  while (const unsigned long code = ERR_get_error()) {
    const int reason = ERR_GET_REASON(code);
    if (ERR_GET_LIB(code) == ERR_LIB_SSL && reason > SSL_AD_REASON_OFFSET &&
        reason < SSL_AD_REASON_OFFSET + 256)
      cause.alert = reason - SSL_AD_REASON_OFFSET;
    if (ERR_GET_LIB(code) == ERR_LIB_SSL && reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) cause.ended = true;
    if (const char* text = ERR_reason_error_string(code)) cause.reason = text;
  }
  if (ssl_error == SSL_ERROR_ZERO_RETURN) cause.ended = true;
  if (ssl_error == SSL_ERROR_SYSCALL) {
    cause.ended = cause.ended || bio.at_end;
    cause.reset = !cause.ended && (bio.last_errno == ECONNRESET || bio.last_errno == EPIPE);
    if (cause.reason.empty()) cause.reason = std::strerror(bio.last_errno);
  }
  return cause;
}

std::string alert_text(int alert) {
  return "alert " + std::to_string(alert) + " (" + SSL_alert_desc_string_long(alert) + ")";
}

// Between our certificate and the client's Finished: the only stretch in which leaving means "I do not trust
// this".
bool awaits_verdict(SSL* ssl) {
  if (SSL_session_reused(ssl) == 1) return false;  // no certificate was shown
  switch (SSL_get_state(ssl)) {
    case TLS_ST_SW_CERT:
    case TLS_ST_SW_CERT_VRFY:
    case TLS_ST_SW_CERT_STATUS:
    case TLS_ST_SW_KEY_EXCH:
    case TLS_ST_SW_SRVR_DONE:
    case TLS_ST_SW_FINISHED:
    case TLS_ST_EARLY_DATA:
      return true;
    default:
      return false;
  }
}

std::string printable(std::string_view text) {
  std::string shown(text.substr(0, 80));
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return shown;
}

std::string names_in(X509* certificate) {
  auto* names =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  std::string shown;
  int count = 0;
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type != GEN_DNS || ++count > 4) continue;
    const std::string_view text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                                static_cast<size_t>(ASN1_STRING_length(name->d.dNSName)));
    shown += (shown.empty() ? "" : ", ") + printable(text);
  }
  GENERAL_NAMES_free(names);
  if (count > 4) shown += ", ...";
  return shown.empty() ? "no DNS name" : shown;
}

std::string issuer_in(X509* certificate) {
  char line[256];
  X509_NAME_oneline(X509_get_issuer_name(certificate), line, sizeof line);
  return "'" + printable(line) + "'";
}

}  // namespace

std::string refusal(X509_STORE_CTX* verification) {
  X509* leaf = X509_STORE_CTX_get0_cert(verification);
  X509* current = X509_STORE_CTX_get_current_cert(verification);
  const int result = X509_STORE_CTX_get_error(verification);
  if (leaf == nullptr || current == nullptr) return X509_verify_cert_error_string(result);
  const bool of_issuer = X509_STORE_CTX_get_error_depth(verification) > 0;
  const std::string which = of_issuer ? "its issuer '" + printable(common_name_of(current)) + "' is " : "";
  switch (result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return which + "expired since " + date_of(seconds_of(X509_get0_notAfter(current)));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return which + "not yet valid before " + date_of(seconds_of(X509_get0_notBefore(current))) +
             "; is this host's clock right?";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return "self-signed; if it is meant to be, add it to provider_roots";
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return "issued by an authority that is not trusted here, " + issuer_in(leaf) +
             "; if it is a private one, add its root to provider_roots";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "wrong name: it is for " + names_in(leaf);
    case X509_V_ERR_CERT_REVOKED:
      return which + "revoked";
    case X509_V_ERR_PERMITTED_VIOLATION:
    case X509_V_ERR_EXCLUDED_VIOLATION:
      return "outside the name constraints of its issuer";
    default:
      return X509_verify_cert_error_string(result);
  }
}

Failure client_leg_failure(SSL* ssl, int ssl_error, const DescriptorBio& bio) {
  const Cause cause = take_cause(ssl_error, bio);
  if (cause.alert == kBadCertificate || cause.alert == kCertificateUnknown || cause.alert == kUnknownCa)
    return {Failure::untrusted, "the client refused our certificate: " + alert_text(cause.alert)};
  if (cause.alert != 0) return {Failure::handshake, "the client sent " + alert_text(cause.alert)};
  const bool left = cause.ended || cause.reset;
  const std::string how = cause.reset ? "reset" : "closed without an alert";
  if (left && awaits_verdict(ssl))
    return {Failure::untrusted, "the client refused our certificate: " + how + " after seeing it"};
  if (left) return {Failure::closed, "the client left the handshake: " + how};
  if (ssl_error == SSL_ERROR_SYSCALL) return socket_failure(bio.last_errno);
  return {Failure::handshake, "handshake with the client: " + cause.reason};
}

Failure provider_leg_failure(SSL* ssl, int ssl_error, const DescriptorBio& bio, const std::string& host) {
  const Cause cause = take_cause(ssl_error, bio);
  const std::string of = "certificate of " + printable(host) + ": ";
  const ProviderPeer* peer = provider_peer(ssl);
  if (peer != nullptr && !peer->refused.empty()) return {Failure::bad_certificate, of + peer->refused};
  const std::string with = "handshake with " + printable(host) + ": ";
  if (cause.alert != 0) return {Failure::handshake, with + "it sent " + alert_text(cause.alert)};
  if (cause.ended || cause.reset) return {Failure::handshake, with + (cause.reset ? "reset" : "closed")};
  if (ssl_error == SSL_ERROR_SYSCALL) return socket_failure(bio.last_errno);
  return {Failure::handshake, with + cause.reason};
}

Failure transfer_failure(int ssl_error, const DescriptorBio& bio) {
  const Cause cause = take_cause(ssl_error, bio);
  if (cause.alert != 0) return {Failure::closed, "the peer sent " + alert_text(cause.alert)};
  if (cause.ended) return {Failure::closed, "closed without close_notify: what came may be cut"};
  if (ssl_error == SSL_ERROR_SYSCALL) return socket_failure(bio.last_errno);
  return {Failure::closed, "TLS: " + cause.reason};
}

Failure socket_failure(int error) {
  if (error == ETIMEDOUT) return {Failure::timeout, "the connection timed out"};
  return {Failure::closed,
          error == ECONNRESET || error == EPIPE ? "reset by the peer" : std::strerror(error)};
}

}  // namespace warden::tls
