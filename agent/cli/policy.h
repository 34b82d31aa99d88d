// SPDX-License-Identifier: Apache-2.0
// `egresswarden policy check|test|sign|explain|keygen`: what an author of policy runs before a bundle reaches
// a host. Prints to stdout, mistakes to stderr as file:line:column; returns the exit code (0 ok, 1 the answer
// is no, 2 wrong use or environment). Parsing the command line is main's.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace warden::cli {

struct PolicyOptions {
  std::string action;                               // "check", "test", "sign", "explain", "keygen"
  std::string bundle = "/etc/egresswarden/policy";  // a file or a folder
  std::string facts_file;                           // explain: JSON as in interfaces.md
  // sign: the private key (PKCS#8 PEM); check: a public key that must have signed; keygen: where the private
  // key goes, the public one beside it with ".pub" behind the name.
  std::string key;
  bool json = false;
  // From the detector pack; empty functions accept every name.
  std::function<bool(std::string_view)> knows_class;
  std::function<bool(std::string_view)> knows_detector;
};

int run_policy(const PolicyOptions& options);

}  // namespace warden::cli
