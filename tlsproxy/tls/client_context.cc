// SPDX-License-Identifier: Apache-2.0
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include <algorithm>
#include <cstring>

#include "agent/base/check.h"
#include "agent/base/clock.h"
#include "agent/base/digest.h"
#include "tlsproxy/tls/context_state.h"

namespace warden::tls {
namespace {

constexpr int64_t kTicketKeyLife_s = 24 * 60 * 60;
constexpr int64_t kLeafReserve_s = 60 * 60;
constexpr size_t kLeavesMax = 4096;  // names below a wildcard are the clients' to choose

int64_t wall_s() {
  return wall_us() / 1'000'000;
}

int choose_alpn(SSL* ssl, const unsigned char** chosen, unsigned char* chosen_size, const unsigned char* offered,
                unsigned offered_size, void*) {
  const std::string& ours = *static_cast<const std::string*>(SSL_get_app_data(ssl));
  if (ours.empty()) return SSL_TLSEXT_ERR_NOACK;
  unsigned char* selected = nullptr;
  const int found =
      SSL_select_next_proto(&selected, chosen_size, reinterpret_cast<const unsigned char*>(ours.data()),
                            static_cast<unsigned>(ours.size()), offered, offered_size);
  if (found != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_NOACK;
  *chosen = selected;
  return SSL_TLSEXT_ERR_OK;
}

int cipher_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                  int encrypt) {
  auto& state = *static_cast<ClientContext::State*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  TicketKeys& tickets = state.tickets;
  tickets.rotate(state.now_s());
  const TicketKeys::Key* key = &tickets.keys[0];
  if (encrypt == 1) {
    const std::string random = random_bytes(EVP_MAX_IV_LENGTH);
    std::memcpy(iv, random.data(), random.size());
    std::memcpy(name, key->name.data(), key->name.size());
  } else {
    const auto named = [&](const TicketKeys::Key& one) {
      return one.made_s != 0 && std::memcmp(name, one.name.data(), one.name.size()) == 0;
    };
    key = std::find_if(tickets.keys.begin(), tickets.keys.end(), named);
    if (key == tickets.keys.end()) return 0;  // not ours or too old: a full handshake
  }
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, const_cast<unsigned char*>(key->mac.data()),
                                        key->mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
  if (EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key->cipher.data(), iv, encrypt) != 1 ||
      EVP_MAC_CTX_set_params(mac, parameters) != 1)
    return -1;
  // 2: resume and send a fresh ticket. In TLS 1.3 always, since clients use a ticket once.
  return key == &tickets.keys[0] && (encrypt == 1 || SSL_version(ssl) < TLS1_3_VERSION) ? 1 : 2;
}

}  // namespace

void TicketKeys::rotate(int64_t now_s) {
  if (keys[1].made_s != 0 && now_s - keys[1].made_s >= 2 * kTicketKeyLife_s) {
    OPENSSL_cleanse(&keys[1], sizeof keys[1]);
  }
  if (keys[0].made_s != 0 && now_s - keys[0].made_s < kTicketKeyLife_s) return;
  const bool still_good = keys[0].made_s != 0 && now_s - keys[0].made_s < 2 * kTicketKeyLife_s;
  if (still_good) keys[1] = keys[0];
  const std::string random = random_bytes(16 + 32 + 32);
  std::memcpy(keys[0].name.data(), random.data(), 16);
  std::memcpy(keys[0].cipher.data(), random.data() + 16, 32);
  std::memcpy(keys[0].mac.data(), random.data() + 48, 32);
  keys[0].made_s = now_s;
}

bool set_common(SSL_CTX* context) {
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);  // one recv per wake-up instead of two per record
  return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1;
}

std::string alpn_wire(const std::vector<std::string>& protocols) {
  std::string wire;
  for (const std::string& protocol : protocols) {
    WARDEN_CHECK(!protocol.empty() && protocol.size() < 256);
    wire += static_cast<char>(protocol.size());
    wire += protocol;
  }
  return wire;
}

ClientContext::ClientContext() : state(std::make_unique<State>()) {
  state->now_s = wall_s;
  state->context.reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* context = state->context.get();
  WARDEN_CHECK(context != nullptr && set_common(context));
  SSL_CTX_set_app_data(context, state.get());
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, cipher_ticket);
  SSL_CTX_set_num_tickets(context, 1);
  SSL_CTX_set_timeout(context, kTicketKeyLife_s);
  SSL_CTX_set_alpn_select_cb(context, choose_alpn, nullptr);
}

ClientContext::~ClientContext() = default;

bool ClientContext::has_leaf(std::string_view host) const {
  const auto found = state->leaves.find(std::string(host));
  return found != state->leaves.end() && found->second.not_after_s - state->now_s() > kLeafReserve_s;
}

Result<void, ContextError> ClientContext::put_leaf(std::string_view host, const Leaf& leaf) {
  auto chain = certificates_from_pem(leaf.chain_pem);
  LoadedLeaf loaded{nullptr, {}, key_from_pem(leaf.key_pem), leaf.not_after_s};
  const std::string name(host);
  if (!chain || chain->empty() || !loaded.key ||
      X509_check_private_key(chain->front().get(), loaded.key.get()) != 1) {
    ERR_clear_error();
    return fail(ContextError::crypto,
                "leaf for " + name + ": certificate and key cannot be read or do not match");
  }
  loaded.certificate = std::move(chain->front());
  chain->erase(chain->begin());
  loaded.chain = std::move(*chain);
  if (state->leaves.size() >= kLeavesMax && !state->leaves.contains(name))
    state->leaves.erase(state->leaves.begin());
  state->leaves[name] = std::move(loaded);
  return {};
}

SslPtr ClientContext::State::begin(std::string_view host, const std::string& alpn) {
  const auto leaf = leaves.find(std::string(host));
  if (leaf == leaves.end()) return {};
  SslPtr ssl(SSL_new(context.get()));
  if (!ssl || SSL_use_certificate(ssl.get(), leaf->second.certificate.get()) != 1 ||
      SSL_use_PrivateKey(ssl.get(), leaf->second.key.get()) != 1)
    return {};
  for (const CertificatePtr& link : leaf->second.chain)
    if (SSL_add1_chain_cert(ssl.get(), link.get()) != 1) return {};
  SSL_set_app_data(ssl.get(), const_cast<std::string*>(&alpn));
  SSL_set_accept_state(ssl.get());
  return ssl;
}

}  // namespace warden::tls
