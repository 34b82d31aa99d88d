// SPDX-License-Identifier: Apache-2.0
#include "audit/chain/proof.h"

namespace warden::chain {
namespace {

constexpr std::string_view kHeader = "c2sp.org/tlog-proof@v1";
constexpr size_t kHashesMax = 64;  // a tree of 2^64 leaves is no deeper

// The next line without its newline; nullopt when there is none.
std::optional<std::string_view> next_line(std::string_view& rest) {
  const size_t end = rest.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return line;
}

}  // namespace

std::string TlogProof::format() const {
  std::string text(kHeader);
  text += '\n';
  if (!extra.empty()) text += "extra " + base64(extra) + '\n';
  text += "index " + std::to_string(index) + '\n';
  for (const Digest& hash : hashes) text += base64(view(hash)) + '\n';
  return text + '\n' + checkpoint;
}

Result<TlogProof, NoteError> TlogProof::parse(std::string_view bytes) {
  const auto bad = [](const char* why) {
    return fail(NoteError::malformed, std::string("tlog-proof: ") + why);
  };
  if (bytes.size() > 2 * kNoteBytesMax) return bad("too large");
  TlogProof proof;
  if (next_line(bytes) != kHeader) return bad("the first line");
  std::optional<std::string_view> line = next_line(bytes);
  if (line && line->starts_with("extra ")) {
    std::optional<std::string> extra = from_base64(line->substr(6));
    if (!extra || extra->empty()) return bad("the extra line");
    proof.extra = std::move(*extra);
    line = next_line(bytes);
  }
  if (!line || !line->starts_with("index ")) return bad("no index");
  const std::optional<uint64_t> index = parse_decimal(line->substr(6));
  if (!index) return bad("the index");
  proof.index = *index;
  while ((line = next_line(bytes)) && !line->empty()) {
    const std::optional<Digest> hash = parse_hash(*line);
    if (!hash || proof.hashes.size() == kHashesMax) return bad("a hash");
    proof.hashes.push_back(*hash);
  }
  if (!line) return bad("no checkpoint");
  if (const auto note = parse_note(bytes); !note) return std::unexpected(note.error());
  proof.checkpoint = bytes;
  return proof;
}

Result<Checkpoint, NoteError> TlogProof::verify(std::string_view entry, const Verifier& log) const {
  auto opened = open_checkpoint(checkpoint, log);
  if (!opened) return std::unexpected(opened.error());
  if (!verify_inclusion(hashes, index, opened->checkpoint.size, leaf_hash(entry), opened->checkpoint.root))
    return fail(NoteError::bad_signature, "tlog-proof: the record is not in this tree at this index");
  return std::move(opened->checkpoint);
}

}  // namespace warden::chain
