// SPDX-License-Identifier: Apache-2.0
// Authority: the host's certificate authority, in a form that can sign nothing but the given names: a root (path length 1)
// whose key is destroyed after it signed one issuing CA (path length 0) with critical permitted DNS subtrees and all IP
// addresses excluded. ECDSA P-256. Lives in the supervisor; workers get leaves by message.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"

namespace warden::tls {

enum class AuthorityError { outside_constraints, storage, crypto, invalid };

struct Leaf {
  std::string chain_pem;  // leaf, issuing CA (root not sent)
  std::string key_pem;    // PKCS#8, P-256, one key per name
  int64_t not_after_s = 0;
};

class Authority {
 public:
  // Opens the authority in `folder` (root.pem, issuing.pem, issuing.key 0600) or makes one for `names`. When `names` has
  // one outside the stored constraints, or a certificate is near its end, a further authority is made beside the first.
  static Result<std::unique_ptr<Authority>, AuthorityError> open(const std::string& folder,
                                                                 const std::vector<std::string>& names);
  virtual ~Authority() = default;
  // SAN only, 30 days at most, never past the issuer. Refuses names outside the constraints.
  virtual Result<Leaf, AuthorityError> mint(std::string_view host) = 0;
  [[nodiscard]] virtual std::string roots_pem() const = 0;                       // what applications must trust
  [[nodiscard]] virtual const std::vector<std::string>& root_paths() const = 0;  // PEM files, for NODE_EXTRA_CA_CERTS
};

}  // namespace warden::tls
