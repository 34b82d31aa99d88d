// SPDX-License-Identifier: Apache-2.0
// DSSE envelopes (github.com/secure-systems-lab/dsse, protocol v1.0.2 and envelope v1.0.0) around a bundle's
// files, signed with Ed25519 (RFC 8032).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/rules/bundle.h"

namespace warden::policy {

inline constexpr std::string_view kPayloadType = "application/vnd.egresswarden.policy.v1";
inline constexpr const char* kEnvelopeName = "bundle.dsse.json";

// The bytes that are signed and that the bundle's digest is of; FORMAT.md describes them.
std::string payload_of(const std::vector<std::pair<std::string, std::string>>& files);

// "DSSEv1" SP LEN(type) SP type SP LEN(body) SP body
std::string pre_authentication_encoding(std::string_view type, std::string_view body);

struct Envelope {
  std::string payload_type, payload;
  std::vector<std::pair<std::string, std::string>> signatures;  // key id (a hint, not trusted), signature
};
Result<Envelope, BundleError> parse_envelope(std::string_view json);
std::string write_envelope(const Envelope& envelope);

// The id of the first trusted key that signed exactly `payload`.
Result<std::string, BundleError> verify_envelope(const Envelope& envelope, std::string_view payload,
                                                 const std::vector<TrustedKey>& trusted);

}  // namespace warden::policy
