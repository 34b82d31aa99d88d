// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "agent/base/file.h"
#include "tlsproxy/tls/certificates.h"
#include "tlsproxy/tls/context.h"
#include "tlsproxy/tls/x509.h"

namespace warden::tls {
namespace {

// Debian and Alpine, Fedora and RHEL, SUSE.
constexpr const char* kBundles[] = {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                                    "/etc/ssl/ca-bundle.pem"};

}  // namespace

Result<std::string, ContextError> anchors_without(const std::string& bundle_pem,
                                                  const std::string& exclude_pem) {
  const auto bundle = certificates_from_pem(bundle_pem);
  const auto excluded = certificates_from_pem(exclude_pem);
  if (!bundle || !excluded) return fail(ContextError::no_anchors, "trust anchors: a PEM block is broken");
  std::set<std::string> ours;  // by key, so that a root issued again under its key is ours too
  for (const CertificatePtr& one : *excluded) ours.insert(key_digest_of(one.get()));
  std::string left;
  for (const CertificatePtr& anchor : *bundle) {
    const bool named_ours = common_name_of(anchor.get()).starts_with(kAuthorityName);
    if (!named_ours && !ours.contains(key_digest_of(anchor.get()))) left += to_pem(anchor.get());
  }
  if (left.empty())
    return fail(ContextError::no_anchors, "trust anchors: none left; install ca-certificates");
  return left;
}

Result<std::string, ContextError> system_anchors(const std::string& exclude_pem) {
  for (const char* path : kBundles)
    if (const auto bundle = read_file(path)) return anchors_without(*bundle, exclude_pem);
  return fail(ContextError::no_anchors, "no system bundle of trust anchors found; install ca-certificates");
}

}  // namespace warden::tls
