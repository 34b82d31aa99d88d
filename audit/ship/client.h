// SPDX-License-Identifier: Apache-2.0
// HttpsClient: requests to one server over one kept connection, TLS 1.2 or later with a client certificate,
// each with a deadline. Blocking, for one thread; only interrupt() may come from another.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "agent/base/result.h"

namespace warden::audit {

enum class ShipError { bad_config, unreachable, refused, bad_answer, stopped, log };

struct ClientConfig {
  std::string url;            // https://host[:port]
  std::string cert, key, ca;  // PEM files
  std::chrono::milliseconds timeout{15000};
};

struct HttpAnswer {
  unsigned status = 0;
  std::string body;
};

class HttpsClient {
 public:
  static Result<std::unique_ptr<HttpsClient>, ShipError> make(const ClientConfig& config);
  virtual ~HttpsClient() = default;

  virtual Result<HttpAnswer, ShipError> get(const std::string& target) = 0;
  // `vkey` goes into its header when not empty.
  virtual Result<HttpAnswer, ShipError> post(const std::string& target, std::string body,
                                             const std::string& vkey = {}) = 0;
  virtual void interrupt() = 0;  // ends the request under way and all later ones with `stopped`
};

}  // namespace warden::audit
