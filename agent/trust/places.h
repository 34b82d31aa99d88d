// SPDX-License-Identifier: Apache-2.0
// Where the files of trust are, below a prefix, and the small steps that more than one file here takes with
// them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/trust/store.h"
#include "tlsproxy/tls/x509.h"

namespace warden::trust {

inline constexpr const char* kDebianLocal = "/usr/local/share/ca-certificates";
inline constexpr const char* kDebianHashed = "/etc/ssl/certs";
inline constexpr const char* kDebianHooks = "/etc/ca-certificates/update.d";
inline constexpr const char* kFedoraAnchors = "/etc/pki/ca-trust/source/anchors";
inline constexpr const char* kOwnFolder = "/usr/local/share/egresswarden";
inline constexpr const char* kOwnBundle = "/usr/local/share/egresswarden/roots.pem";
inline constexpr const char* kBundles[] = {"/etc/ssl/certs/ca-certificates.crt",
                                           "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem"};

struct Root {
  std::string pem;
  std::string der;
  std::string file_name;  // egresswarden-1a2b3c4d.crt
};

// Each file must be one certificate.
Result<std::vector<Root>, TrustError> read_roots(const std::vector<std::string>& paths);
bool is_ours(const std::string& file_name);  // by its name, egresswarden-<8 hex>.(crt|pem)
Inside bundle_has(const std::string& path, const std::vector<Root>& roots);

struct Ran {
  int status = -1;
  std::string output;  // the first 4 KiB
};
// Runs a program with a fixed environment, `input` (a few bytes) on stdin.
Ran run(const std::vector<std::string>& command, const std::string& input = {});

}  // namespace warden::trust
