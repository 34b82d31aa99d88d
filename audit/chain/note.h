// SPDX-License-Identifier: Apache-2.0
// Signed notes (c2sp.org/signed-note, as Go's golang.org/x/mod/sumdb/note has them) with Ed25519, and
// cosignatures (c2sp.org/tlog-cosignature, `cosignature/v1`), whose signed message holds the time of signing.
//
// Parsers take exactly what the formatters write: canonical base64, no stray byte, no signature twice,
// bounded sizes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"

struct evp_pkey_st;

namespace warden::chain {

enum class NoteError { malformed, bad_key, unknown_key, bad_signature };
enum class KeyType : uint8_t { ed25519 = 0x01, cosignature_v1 = 0x04 };

constexpr size_t kNoteBytesMax = 1'000'000;
constexpr size_t kNoteSignaturesMax = 100;

struct Signature {
  std::string name;
  uint32_t key_hash = 0;
  std::string bytes;  // what follows the key hash; a cosignature starts with its time, 8 bytes big-endian
  bool operator==(const Signature&) const = default;
};

struct Note {
  std::string text;  // ends with a newline
  std::vector<Signature> signatures;
};

Result<Note, NoteError> parse_note(std::string_view bytes);
std::string format_signature(const Signature& signature);  // one line, newline included
std::string format_note(std::string_view text, const std::vector<Signature>& signatures);

// A public key with the name it signs under.
class Verifier {
 public:
  static Result<Verifier, NoteError> parse(std::string_view vkey);  // name+hash+base64, as Go prints it
  static Result<Verifier, NoteError> make(std::string name, KeyType type, std::string_view public_key);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] KeyType type() const { return type_; }
  [[nodiscard]] uint32_t key_hash() const { return key_hash_; }
  [[nodiscard]] const std::string& public_key() const { return public_key_; }
  [[nodiscard]] std::string vkey() const;

  // The time of a cosignature (seconds since 1970), 0 for a plain signature; unknown_key when this key did
  // not sign.
  [[nodiscard]] Result<uint64_t, NoteError> verify(const Note& note) const;
  [[nodiscard]] Result<uint64_t, NoteError> verify(std::string_view text, const Signature& signature) const;

 private:
  std::string name_;
  KeyType type_{};
  uint32_t key_hash_ = 0;
  std::string public_key_;
  std::shared_ptr<evp_pkey_st> key_;
};

// A private key. The 32 bytes of seed() are the secret; the caller keeps them safe.
class Signer {
 public:
  static Result<Signer, NoteError> generate(std::string name, KeyType type);
  static Result<Signer, NoteError> from_seed(std::string name, KeyType type, std::string_view seed);

  [[nodiscard]] const Verifier& verifier() const { return verifier_; }
  [[nodiscard]] std::string seed() const;
  // `time_s` is signed with a cosignature and ignored otherwise.
  [[nodiscard]] Signature sign(std::string_view text, uint64_t time_s = 0) const;

 private:
  explicit Signer(Verifier verifier) : verifier_(std::move(verifier)) {}
  Verifier verifier_;
  std::shared_ptr<evp_pkey_st> key_;
};

bool is_key_name(std::string_view name);  // not empty, UTF-8, no space, plus sign or control character

}  // namespace warden::chain
