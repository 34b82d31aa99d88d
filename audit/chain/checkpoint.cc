// SPDX-License-Identifier: Apache-2.0
#include "audit/chain/checkpoint.h"

#include <algorithm>
#include <charconv>

namespace warden::chain {

std::optional<uint64_t> parse_decimal(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  return value;
}

std::optional<Digest> parse_hash(std::string_view text) {
  const std::optional<std::string> bytes = from_base64(text);
  Digest digest;
  if (!bytes || bytes->size() != digest.size()) return std::nullopt;
  std::copy(bytes->begin(), bytes->end(), digest.begin());
  return digest;
}

std::string Checkpoint::text() const {
  return origin + '\n' + std::to_string(size) + '\n' + base64(view(root)) + '\n';
}

Result<Checkpoint, NoteError> Checkpoint::parse(std::string_view text) {
  std::string_view lines[3];
  for (std::string_view& line : lines) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return fail(NoteError::malformed, "checkpoint: want three lines");
    line = text.substr(0, end);
    text.remove_prefix(end + 1);
  }
  const std::optional<uint64_t> size = parse_decimal(lines[1]);
  const std::optional<Digest> root = parse_hash(lines[2]);
  if (!text.empty()) return fail(NoteError::malformed, "checkpoint: more than three lines");
  if (!is_key_name(lines[0]) || !size || !root)
    return fail(NoteError::malformed, "checkpoint: origin, size or root");
  return Checkpoint{std::string(lines[0]), *size, *root};
}

std::string sign_checkpoint(const Checkpoint& checkpoint, const Signer& signer) {
  const std::string text = checkpoint.text();
  return format_note(text, {signer.sign(text)});
}

Result<OpenedCheckpoint, NoteError> open_checkpoint(std::string_view bytes, const Verifier& log) {
  auto note = parse_note(bytes);
  if (!note) return std::unexpected(note.error());
  if (const auto time = log.verify(*note); !time) return std::unexpected(time.error());
  auto checkpoint = Checkpoint::parse(note->text);
  if (!checkpoint) return std::unexpected(checkpoint.error());
  if (checkpoint->origin != log.name())
    return fail(NoteError::unknown_key, "checkpoint: origin is not the key's name");
  return OpenedCheckpoint{std::move(*checkpoint), std::move(*note)};
}

}  // namespace warden::chain
