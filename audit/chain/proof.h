// SPDX-License-Identifier: Apache-2.0
// The proof of one record as a file (c2sp.org/tlog-proof@v1): its index, the inclusion proof and the signed
// checkpoint. The record itself is not inside: the verifier brings its bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "audit/chain/checkpoint.h"
#include "audit/chain/merkle.h"

namespace warden::chain {

struct TlogProof {
  std::string extra;  // opaque and not authenticated; empty: no such line
  uint64_t index = 0;
  Proof hashes;
  std::string checkpoint;  // the signed note, verbatim

  [[nodiscard]] std::string format() const;
  static Result<TlogProof, NoteError> parse(std::string_view bytes);
  // The checkpoint is signed by `log` and holds `entry` at the index.
  [[nodiscard]] Result<Checkpoint, NoteError> verify(std::string_view entry, const Verifier& log) const;
};

}  // namespace warden::chain
