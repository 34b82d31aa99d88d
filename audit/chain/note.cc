// SPDX-License-Identifier: Apache-2.0
#include "audit/chain/note.h"

#include <openssl/evp.h>

#include <algorithm>

#include "agent/base/bytes.h"
#include "agent/base/check.h"
#include "agent/base/digest.h"
#include "audit/chain/utf8.h"

namespace warden::chain {
namespace {

constexpr std::string_view kDash = "\xe2\x80\x94 ";  // EM DASH and a space begin a signature line
constexpr size_t kKeyBytes = 32, kSignatureBytes = 64, kTimeBytes = 8;

std::string big_endian(uint64_t value, size_t width) {
  std::string bytes(width, '\0');
  for (size_t i = width; i-- > 0; value >>= 8) bytes[i] = static_cast<char>(value & 0xff);
  return bytes;
}

uint64_t from_big_endian(std::string_view bytes) {
  uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<uint8_t>(byte);
  return value;
}

const unsigned char* raw(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

uint32_t key_hash_of(std::string_view name, KeyType type, std::string_view key) {
  const Digest digest = sha256(std::string(name) + '\n' + static_cast<char>(type) + std::string(key));
  return static_cast<uint32_t>(from_big_endian(view(digest).substr(0, 4)));
}

std::string signed_message(KeyType type, std::string_view text, uint64_t time_s) {
  if (type == KeyType::ed25519) return std::string(text);
  return "cosignature/v1\ntime " + std::to_string(time_s) + '\n' + std::string(text);
}

std::optional<Signature> parse_signature(std::string_view line) {
  if (!line.starts_with(kDash)) return std::nullopt;
  line.remove_prefix(kDash.size());
  const size_t space = line.find(' ');
  if (space == std::string_view::npos || !is_key_name(line.substr(0, space))) return std::nullopt;
  const std::optional<std::string> blob = from_base64(line.substr(space + 1));
  if (!blob || blob->size() < 5) return std::nullopt;
  return Signature{std::string(line.substr(0, space)),
                   static_cast<uint32_t>(from_big_endian(std::string_view(*blob).substr(0, 4))),
                   blob->substr(4)};
}

// Unicode's own spaces, beside ASCII's: a name that shows like two names is none.
bool is_space(std::string_view character) {
  static constexpr std::string_view kSpaces[] = {"\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80",
                                                 "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf",
                                                 "\xe2\x81\x9f", "\xe3\x80\x80"};
  if (character >= "\xe2\x80\x80" && character <= "\xe2\x80\x8a") return true;
  return std::find(std::begin(kSpaces), std::end(kSpaces), character) != std::end(kSpaces);
}

}  // namespace

bool is_key_name(std::string_view name) {
  if (name.empty() || name.size() > 1024) return false;
  while (!name.empty()) {
    const size_t length = utf8_length(name);
    const auto first = static_cast<uint8_t>(name.front());
    if (length == 0 || first <= 0x20 || first == 0x7f || first == '+') return false;
    if (length > 1 && is_space(name.substr(0, length))) return false;
    name.remove_prefix(length);
  }
  return true;
}

Result<Note, NoteError> parse_note(std::string_view bytes) {
  const auto bad = [](const char* why) {
    return fail(NoteError::malformed, std::string("signed note: ") + why);
  };
  if (bytes.size() > kNoteBytesMax) return bad("too large");
  if (!is_utf8(bytes)) return bad("not UTF-8");
  if (std::any_of(bytes.begin(), bytes.end(),
                  [](char c) { return static_cast<uint8_t>(c) < 0x20 && c != '\n'; }))
    return bad("a control character");
  const size_t split = bytes.rfind("\n\n");
  if (split == std::string_view::npos || split == 0) return bad("no text before signatures");
  Note note{std::string(bytes.substr(0, split + 1)), {}};
  for (std::string_view rest = bytes.substr(split + 2); !rest.empty();) {
    const size_t end = rest.find('\n');
    if (end == std::string_view::npos) return bad("the last line is cut");
    std::optional<Signature> signature = parse_signature(rest.substr(0, end));
    if (!signature) return bad("a signature line");
    for (const Signature& other : note.signatures)
      if (other.name == signature->name && other.key_hash == signature->key_hash)
        return bad("one key signs twice");
    if (note.signatures.size() == kNoteSignaturesMax) return bad("too many signatures");
    note.signatures.push_back(std::move(*signature));
    rest.remove_prefix(end + 1);
  }
  if (note.signatures.empty()) return bad("no signature");
  return note;
}

std::string format_signature(const Signature& signature) {
  return std::string(kDash) + signature.name + ' ' +
         base64(big_endian(signature.key_hash, 4) + signature.bytes) + '\n';
}

std::string format_note(std::string_view text, const std::vector<Signature>& signatures) {
  std::string note(text);
  note += '\n';
  for (const Signature& signature : signatures) note += format_signature(signature);
  return note;
}

Result<Verifier, NoteError> Verifier::make(std::string name, KeyType type, std::string_view public_key) {
  if (!is_key_name(name))
    return fail(NoteError::bad_key, "key name is empty or has a space, plus or control character");
  if (type != KeyType::ed25519 && type != KeyType::cosignature_v1)
    return fail(NoteError::bad_key, "unknown key type");
  if (public_key.size() != kKeyBytes) return fail(NoteError::bad_key, "an Ed25519 key has 32 bytes");
  Verifier verifier;
  verifier.key_.reset(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw(public_key), public_key.size()),
      EVP_PKEY_free);
  if (!verifier.key_) return fail(NoteError::bad_key, "not an Ed25519 key");
  verifier.key_hash_ = key_hash_of(name, type, public_key);
  verifier.name_ = std::move(name);
  verifier.type_ = type;
  verifier.public_key_ = public_key;
  return verifier;
}

Result<Verifier, NoteError> Verifier::parse(std::string_view vkey) {
  const size_t first = vkey.find('+');
  const size_t second = first == std::string_view::npos ? first : vkey.find('+', first + 1);
  if (second == std::string_view::npos) return fail(NoteError::bad_key, "vkey: want name+hash+key");
  const std::string_view hash = vkey.substr(first + 1, second - first - 1);
  const std::optional<std::string> key = from_base64(vkey.substr(second + 1));
  if (!key || key->size() != 1 + kKeyBytes)
    return fail(NoteError::bad_key, "vkey: the key is not base64 of 33 bytes");
  auto verifier = make(std::string(vkey.substr(0, first)), static_cast<KeyType>(key->front()),
                       std::string_view(*key).substr(1));
  if (!verifier) return verifier;
  if (hex(big_endian(verifier->key_hash_, 4)) != hash)
    return fail(NoteError::bad_key, "vkey: hash and key differ");
  return verifier;
}

std::string Verifier::vkey() const {
  return name_ + '+' + hex(big_endian(key_hash_, 4)) + '+' + base64(static_cast<char>(type_) + public_key_);
}

Result<uint64_t, NoteError> Verifier::verify(std::string_view text, const Signature& signature) const {
  if (signature.name != name_ || signature.key_hash != key_hash_) return fail(NoteError::unknown_key, name_);
  std::string_view bytes = signature.bytes;
  uint64_t time_s = 0;
  if (type_ == KeyType::cosignature_v1) {
    if (bytes.size() != kTimeBytes + kSignatureBytes) return fail(NoteError::bad_signature, name_);
    time_s = from_big_endian(bytes.substr(0, kTimeBytes));
    bytes.remove_prefix(kTimeBytes);
  }
  const std::string message = signed_message(type_, text, time_s);
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  WARDEN_CHECK(context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1);
  if (bytes.size() != kSignatureBytes ||
      EVP_DigestVerify(context.get(), raw(bytes), bytes.size(), raw(message), message.size()) != 1)
    return fail(NoteError::bad_signature, name_ + ": the signature does not verify");
  return time_s;
}

Result<uint64_t, NoteError> Verifier::verify(const Note& note) const {
  for (const Signature& signature : note.signatures)
    if (signature.name == name_ && signature.key_hash == key_hash_) return verify(note.text, signature);
  return fail(NoteError::unknown_key, name_ + ": did not sign");
}

Result<Signer, NoteError> Signer::generate(std::string name, KeyType type) {
  return from_seed(std::move(name), type, random_bytes(kKeyBytes));
}

Result<Signer, NoteError> Signer::from_seed(std::string name, KeyType type, std::string_view seed) {
  if (seed.size() != kKeyBytes) return fail(NoteError::bad_key, "a seed has 32 bytes");
  std::shared_ptr<EVP_PKEY> key(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, raw(seed), seed.size()), EVP_PKEY_free);
  std::string public_key(kKeyBytes, '\0');
  size_t length = public_key.size();
  if (!key || EVP_PKEY_get_raw_public_key(key.get(), reinterpret_cast<unsigned char*>(public_key.data()),
                                          &length) != 1)
    return fail(NoteError::bad_key, "not an Ed25519 seed");
  auto verifier = Verifier::make(std::move(name), type, public_key);
  if (!verifier) return std::unexpected(verifier.error());
  Signer signer(std::move(*verifier));
  signer.key_ = std::move(key);
  return signer;
}

std::string Signer::seed() const {
  std::string seed(kKeyBytes, '\0');
  size_t length = seed.size();
  WARDEN_CHECK(
      EVP_PKEY_get_raw_private_key(key_.get(), reinterpret_cast<unsigned char*>(seed.data()), &length) == 1);
  return seed;
}

Signature Signer::sign(std::string_view text, uint64_t time_s) const {
  const std::string message = signed_message(verifier_.type(), text, time_s);
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  std::string bytes(kSignatureBytes, '\0');
  size_t length = bytes.size();
  WARDEN_CHECK(context && EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
               EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(bytes.data()), &length,
                              raw(message), message.size()) == 1);
  if (verifier_.type() == KeyType::cosignature_v1) bytes.insert(0, big_endian(time_s, kTimeBytes));
  return {verifier_.name(), verifier_.key_hash(), std::move(bytes)};
}

}  // namespace warden::chain
