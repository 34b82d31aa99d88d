// SPDX-License-Identifier: Apache-2.0
// A certificate authority for tests, free to issue what a real one would not: expired, for the wrong name,
// must-staple; and the OCSP answers that go with it.
#pragma once

#include <string>

#include "tlsproxy/tls/x509.h"

namespace warden::tls {

struct Wish {
  std::string names = "DNS:provider.test";
  int64_t from_days = -1;
  int64_t until_days = 10;
  bool self_signed = false;
  bool must_staple = false;
};

struct Issued {
  CertificatePtr certificate;
  KeyPtr key;
};

class TestPki {
 public:
  TestPki();
  [[nodiscard]] std::string root_pem() const { return to_pem(root_.get()); }
  [[nodiscard]] Issued issue(const Wish& wish) const;
  // DER of an OCSP response; `status` is V_OCSP_CERTSTATUS_GOOD or V_OCSP_CERTSTATUS_REVOKED.
  [[nodiscard]] std::string staple(X509* certificate, int status) const;

 private:
  KeyPtr root_key_;
  CertificatePtr root_;
};

}  // namespace warden::tls
