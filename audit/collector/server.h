// SPDX-License-Identifier: Apache-2.0
// Server: HTTPS/1.1 with optional client certificates. Knows connections, bounds and deadlines; what a
// request means is the callback's. Bodies are read only from peers with a certificate; at most
// kConnectionsMax connections, further ones wait in the kernel's queue.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/address.h"
#include "agent/base/result.h"

namespace warden::audit {

enum class CollectorError { bad_config, cannot_listen, state };

struct WebRequest {
  std::string_view method, target, body;
  std::string_view authorization, vkey;
  std::string_view peer;  // SHA-256, hex, of the public key in the client certificate; empty: none
  bool is_agent = false,
       is_reader = false;  // what the certificate says (URI names egresswarden:agent, :reader)
};

struct WebResponse {
  unsigned status = 200;
  std::string type, body;
};

struct ServerConfig {
  Endpoint listen;
  std::string cert, key, client_ca;  // PEM files
  unsigned threads = 4;
};

class Server {
 public:
  // `serve` is called from several threads.
  static Result<std::unique_ptr<Server>, CollectorError> start(
      const ServerConfig& config, std::function<WebResponse(const WebRequest&)> serve);
  virtual ~Server() = default;  // what is being answered is answered, for a moment; then all is closed
  [[nodiscard]] virtual uint16_t port() const = 0;
};

}  // namespace warden::audit
