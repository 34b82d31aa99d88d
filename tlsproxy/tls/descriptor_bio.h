// SPDX-License-Identifier: Apache-2.0
// DescriptorBio: OpenSSL reads and writes the socket itself, without SIGPIPE, after it was given the bytes
// that somebody read before TLS began. Does not own the descriptor.
#pragma once

#include <cstddef>
#include <string>

#include "tlsproxy/tls/x509.h"

namespace warden::tls {

struct DescriptorBio {
  int fd = -1;       // set to -1 when the socket closes: the number may soon be another connection's
  std::string seen;  // given first, freed once read
  size_t seen_taken = 0;
  bool at_end = false;        // the peer's FIN was read
  bool more_follows = false;  // the next record is part of a longer write: let the kernel fill segments
  int last_errno = 0;         // of the last failed system call, for the operator's sentence

  [[nodiscard]] size_t seen_left() const { return seen.size() - seen_taken; }
};

// Gives `ssl` a BIO on `state`, which must outlive it.
bool attach(SSL* ssl, DescriptorBio& state);

}  // namespace warden::tls
