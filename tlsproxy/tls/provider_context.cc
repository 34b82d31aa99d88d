// SPDX-License-Identifier: Apache-2.0
#include <openssl/err.h>

#include "agent/base/address.h"
#include "agent/base/clock.h"
#include "tlsproxy/tls/context_state.h"
#include "tlsproxy/tls/failure.h"
#include "tlsproxy/tls/staple.h"

namespace warden::tls {
namespace {

constexpr size_t kHostsMax = 1024;
constexpr size_t kSessionsPerHost = 4;
// A resumed handshake shows no certificate, so an expired or revoked one would live on in its session: look
// again hourly.
constexpr int64_t kSessionLife_s = 60 * 60;

int64_t wall_s() {
  return wall_us() / 1'000'000;
}

void free_peer(void*, void* peer, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<ProviderPeer*>(peer);
}

int peer_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, free_peer);
  return index;
}

int keep_session(SSL* ssl, SSL_SESSION* session) {
  ProviderPeer* peer = provider_peer(ssl);
  if (peer == nullptr) return 0;
  auto& sessions = peer->owner->sessions;
  if (sessions.size() >= kHostsMax && !sessions.contains(peer->host)) sessions.erase(sessions.begin());
  auto& kept = sessions[peer->host];
  if (kept.size() >= kSessionsPerHost) kept.erase(kept.begin());
  kept.push_back({SessionPtr(session), peer->verified_s});
  return 1;  // the reference is ours now
}

int check_staple(SSL* ssl, void*) {
  ProviderPeer* peer = provider_peer(ssl);
  peer->refused = judge_staple(ssl, SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl)));
  return peer->refused.empty() ? 1 : 0;
}

// Only notes the reason; the verdict is OpenSSL's.
int note_refusal(int accepted, X509_STORE_CTX* verification) {
  void* ssl = X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx());
  ProviderPeer* peer = provider_peer(static_cast<SSL*>(ssl));
  if (accepted == 0 && peer->refused.empty()) peer->refused = refusal(verification);
  return accepted;
}

bool verify_for(SSL* ssl, const std::string& host) {
  X509_VERIFY_PARAM* parameters = SSL_get0_param(ssl);
  if (Endpoint::parse(host, 0)) return X509_VERIFY_PARAM_set1_ip_asc(parameters, host.c_str()) == 1;
  X509_VERIFY_PARAM_set_hostflags(parameters,
                                  X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  return X509_VERIFY_PARAM_set1_host(parameters, host.data(), host.size()) == 1 &&
         SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
}

}  // namespace

ProviderPeer* provider_peer(SSL* ssl) {
  return static_cast<ProviderPeer*>(SSL_get_ex_data(ssl, peer_index()));
}

ProviderContext::ProviderContext() : state(std::make_unique<State>()) {
  state->now_s = wall_s;
}
ProviderContext::~ProviderContext() = default;

Result<std::unique_ptr<ProviderContext>, ContextError> ProviderContext::make(const std::string& anchors_pem) {
  const auto anchors = certificates_from_pem(anchors_pem);
  if (!anchors || anchors->empty())
    return fail(ContextError::no_anchors,
                "provider_roots: no readable PEM certificate; give a bundle or 'system'");
  std::unique_ptr<ProviderContext> made(new ProviderContext);
  made->state->context.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* context = made->state->context.get();
  if (context == nullptr || !set_common(context)) return fail(ContextError::crypto, openssl_reason());
  for (const CertificatePtr& anchor : *anchors)
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), anchor.get()) != 1)
      return fail(ContextError::crypto, openssl_reason());
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, note_refusal);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, keep_session);
  SSL_CTX_set_tlsext_status_cb(context, check_staple);
  return made;
}

ProviderContext::State::Session ProviderContext::State::take_session(const std::string& host) {
  const auto found = sessions.find(host);
  if (found == sessions.end()) return {};
  auto& kept = found->second;
  while (!kept.empty()) {
    Session last = std::move(kept.back());
    kept.pop_back();
    if (now_s() - last.verified_s > kSessionLife_s || SSL_SESSION_is_resumable(last.session.get()) != 1)
      continue;
    if (SSL_SESSION_get_protocol_version(last.session.get()) != TLS1_3_VERSION) {
      SSL_SESSION_up_ref(last.session.get());
      kept.push_back({SessionPtr(last.session.get()), last.verified_s});
    }
    return last;
  }
  return {};
}

SslPtr ProviderContext::State::begin(const std::string& host, const std::string& alpn) {
  SslPtr ssl(SSL_new(context.get()));
  if (!ssl) return {};
  auto peer = std::make_unique<ProviderPeer>(ProviderPeer{this, host, now_s(), {}});
  ProviderPeer* carried = peer.get();
  if (SSL_set_ex_data(ssl.get(), peer_index(), carried) != 1) return {};
  (void)peer.release();  // free_peer's from here on
  if (!verify_for(ssl.get(), host) || SSL_set_tlsext_status_type(ssl.get(), TLSEXT_STATUSTYPE_ocsp) != 1)
    return {};
  // SSL_set_alpn_protos is the one call here that answers 0 for success.
  if (!alpn.empty() && SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(alpn.data()),
                                           static_cast<unsigned>(alpn.size())) != 0)
    return {};
  if (const Session kept = take_session(host);
      kept.session && SSL_set_session(ssl.get(), kept.session.get()) == 1)
    carried->verified_s = kept.verified_s;
  SSL_set_connect_state(ssl.get());
  return ssl;
}

}  // namespace warden::tls
