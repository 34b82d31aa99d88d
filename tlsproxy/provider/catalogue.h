// SPDX-License-Identifier: Apache-2.0
// Catalogue: the providers we know, as data (catalogue.yaml, compiled in), and the operator's own endpoints
// beside them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/bytes.h"
#include "agent/base/result.h"

namespace warden::provider {

enum class CatalogueError { invalid };

struct Service {
  std::string provider{};  // "openai"
  std::string host{};      // "api.openai.com"; "*.openai.azure.com" stands for one label
  uint16_t port = 443;
  bool tls = true;
  std::string dialect{};  // "openai"; empty: recognised, not yet read (unknown_shape)
  std::string
      credential{};  // header that carries the API credential, lower case: "authorization", "x-api-key"
  bool shared_front = false;
  std::string path_prefix{};  // before the dialect's own paths, to be shown; dialects read under any prefix
  std::string credential_query{};  // query parameter that may carry the credential instead: "key"
};

class Catalogue {
 public:
  static Result<std::shared_ptr<const Catalogue>, CatalogueError> load(
      const std::vector<Service>& own_endpoints);
  virtual ~Catalogue() = default;
  // `host` in lower case without port or trailing dot. nullptr: not an LLM's name.
  [[nodiscard]] virtual const Service* find(std::string_view host, uint16_t port) const = 0;
  [[nodiscard]] virtual const std::vector<Service>& services() const = 0;
  [[nodiscard]] virtual const Digest& digest() const = 0;
  [[nodiscard]] virtual std::string_view version() const = 0;  // of catalogue.yaml: a date
};

}  // namespace warden::provider
