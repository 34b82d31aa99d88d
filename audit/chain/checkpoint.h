// SPDX-License-Identifier: Apache-2.0
// Checkpoints (c2sp.org/tlog-checkpoint): three lines, origin, size, base64 root, signed as a note under the
// origin's name. Extension lines are refused: this log writes none, and an unread line is a byte nobody
// accounts for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/base/bytes.h"
#include "audit/chain/note.h"

namespace warden::chain {

struct Checkpoint {
  std::string origin;
  uint64_t size = 0;
  Digest root{};

  [[nodiscard]] std::string text() const;
  static Result<Checkpoint, NoteError> parse(std::string_view text);  // the text of a note
  bool operator==(const Checkpoint&) const = default;
};

std::string sign_checkpoint(const Checkpoint& checkpoint, const Signer& signer);

struct OpenedCheckpoint {
  Checkpoint checkpoint;
  Note note;
};
// Parses and verifies the log's own signature; the origin must be the key's name.
Result<OpenedCheckpoint, NoteError> open_checkpoint(std::string_view bytes, const Verifier& log);

// Decimal as these formats write it: no sign, no leading zero, at most 2^64 - 1.
std::optional<uint64_t> parse_decimal(std::string_view text);
std::optional<Digest> parse_hash(std::string_view text);  // base64 of 32 bytes

}  // namespace warden::chain
