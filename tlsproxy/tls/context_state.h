// SPDX-License-Identifier: Apache-2.0
// What stands behind the two contexts; shared by context and stream, nobody else.
#pragma once

#include <array>
#include <string>
#include <unordered_map>
#include <vector>

#include "tlsproxy/tls/context.h"
#include "tlsproxy/tls/x509.h"

namespace warden::tls {

struct LoadedLeaf {
  CertificatePtr certificate;
  std::vector<CertificatePtr> chain;
  KeyPtr key;
  int64_t not_after_s = 0;
};

// Keys of stateless session tickets (RFC 5077 section 4): today's encrypts, yesterday's still decrypts.
struct TicketKeys {
  struct Key {
    std::array<unsigned char, 16> name{};
    std::array<unsigned char, 32> cipher{};
    std::array<unsigned char, 32> mac{};
    int64_t made_s = 0;
  };
  std::array<Key, 2> keys;  // newest first
  void rotate(int64_t now_s);
};

struct ClientContext::State {
  SslContextPtr context;
  std::unordered_map<std::string, LoadedLeaf> leaves;
  TicketKeys tickets;
  int64_t (*now_s)();

  // A server-side SSL with the leaf for `host`; null when there is none. `alpn`: the protocol to choose, in wire form, or empty;
  // must outlive the handshake.
  SslPtr begin(std::string_view host, const std::string& alpn);
};

struct ProviderContext::State {
  struct Session {
    SessionPtr session;
    int64_t verified_s = 0;  // when the certificate behind it was last looked at
  };
  SslContextPtr context;
  // By host: verified for that name and no other. Newest last; a TLS 1.3 ticket is taken out when used (RFC
  // 8446 C.4).
  std::unordered_map<std::string, std::vector<Session>> sessions;
  int64_t (*now_s)();

  Session take_session(const std::string& host);
  // A client-side SSL that verifies `host`; `alpn` in wire form. Null: OpenSSL failed.
  SslPtr begin(const std::string& host, const std::string& alpn);
};

// What a provider-leg SSL carries with it; freed with it.
struct ProviderPeer {
  ProviderContext::State* owner = nullptr;
  std::string host;
  int64_t verified_s = 0;
  std::string refused;  // why its certificate or stapled answer was, in the operator's words
};

ProviderPeer* provider_peer(SSL* ssl);  // null on the client leg

// Options, modes and versions that both legs have in common.
bool set_common(SSL_CTX* context);
std::string alpn_wire(const std::vector<std::string>& protocols);

}  // namespace warden::tls
