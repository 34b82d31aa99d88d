// SPDX-License-Identifier: Apache-2.0
// The two TLS contexts of a worker: towards applications and towards providers. One of each per worker, one thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"
#include "tlsproxy/tls/authority.h"

struct ssl_ctx_st;

namespace warden::tls {

enum class ContextError { no_anchors, crypto };

class ClientContext {
 public:
  ClientContext();
  ~ClientContext();
  // Leaves are handed in as they arrive from the supervisor; the worker asks for one before accept_tls when missing.
  [[nodiscard]] bool has_leaf(std::string_view host) const;  // and it is not about to expire
  Result<void, ContextError> put_leaf(std::string_view host, const Leaf& leaf);

  struct State;
  std::unique_ptr<State> state;  // for Stream
};

class ProviderContext {
 public:
  // `anchors_pem`: trusted roots, already without any authority of ours. TLS 1.2 and 1.3; names, chain, expiry and stapled
  // OCSP are verified; there is no option to verify less.
  static Result<std::unique_ptr<ProviderContext>, ContextError> make(const std::string& anchors_pem);
  ~ProviderContext();

  struct State;
  std::unique_ptr<State> state;  // for Stream: SSL_CTX, sessions by host
 private:
  ProviderContext();
};

// The system's trust anchors (PEM) minus every certificate in `exclude_pem`.
Result<std::string, ContextError> system_anchors(const std::string& exclude_pem);
// The same for a bundle in memory. An authority of ours is also known by its subject, so an old one that is still in the
// store is left out too.
Result<std::string, ContextError> anchors_without(const std::string& bundle_pem, const std::string& exclude_pem);

}  // namespace warden::tls
