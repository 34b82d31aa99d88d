// SPDX-License-Identifier: Apache-2.0
// Notes, checkpoints, cosignatures and proof files; the first vector is the one Go's note package documents.
#include "audit/chain/note.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "agent/base/bytes.h"
#include "audit/chain/proof.h"

namespace warden::chain {
namespace {

constexpr const char* kVkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
constexpr const char* kSkey = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
constexpr const char* kText =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n";
constexpr const char* kLine =
    "— PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

Signer peter() {
  return *Signer::from_seed("PeterNeumann", KeyType::ed25519, from_base64(kSkey)->substr(1));
}

TEST(Note, GoVector) {
  const Signer signer = peter();
  EXPECT_EQ(signer.verifier().vkey(), kVkey);
  const std::string signed_note = format_note(kText, {signer.sign(kText)});
  EXPECT_EQ(signed_note, std::string(kText) + "\n" + kLine);
  const auto note = parse_note(signed_note);
  ASSERT_TRUE(note);
  const auto verifier = Verifier::parse(kVkey);
  ASSERT_TRUE(verifier);
  EXPECT_TRUE(verifier->verify(*note));
}

TEST(Note, RefusesWhatItWouldNotWrite) {
  const std::string good = std::string(kText) + "\n" + kLine;
  ASSERT_TRUE(parse_note(good));
  std::string spaced = good, crlf = good, padded = good;
  spaced.insert(spaced.size() - 1, " ");
  crlf.insert(crlf.size() - 1, "\r");
  padded.replace(padded.size() - 3, 1, "N");  // other left-over bits, same bytes
  for (const std::string& bad :
       {good + "\n", good.substr(0, good.size() - 1), good + "x", good + kLine, spaced, crlf, padded,
        std::string(kText), std::string(), "\n\n" + std::string(kLine), std::string("\xff\n\n") + kLine,
        std::string(kText) + "\n\n"})
    EXPECT_FALSE(parse_note(bad)) << bad;
}

TEST(Note, KeysAreCheckedWhole) {
  const std::string good = kVkey;
  EXPECT_TRUE(Verifier::parse(good));
  for (const char* bad : {"", "PeterNeumann", "PeterNeumann+c74f20a3",
                          "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
                          "PeterNeumanm+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
                          "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
                          "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"})
    EXPECT_FALSE(Verifier::parse(bad)) << bad;
}

TEST(Note, ChangedTextDoesNotVerify) {
  auto note = parse_note(std::string(kText) + "\n" + kLine);
  ASSERT_TRUE(note);
  note->text[3] ^= 1;
  const auto result = peter().verifier().verify(*note);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, NoteError::bad_signature);
  const auto stranger = Signer::generate("other", KeyType::ed25519);
  EXPECT_EQ(stranger->verifier().verify(*note).error().code, NoteError::unknown_key);
}

TEST(Cosignature, CarriesItsTime) {
  const auto witness = Signer::generate("witness.example/w", KeyType::cosignature_v1);
  ASSERT_TRUE(witness);
  Signature signature = witness->sign(kText, 1'700'000'000);
  const auto key = Verifier::parse(witness->verifier().vkey());
  ASSERT_TRUE(key);
  EXPECT_EQ(key->verify(kText, signature), 1'700'000'000u);
  signature.bytes[7] = static_cast<char>(signature.bytes[7] ^ 1);  // another time under the same signature
  EXPECT_FALSE(key->verify(kText, signature));
  // The same bytes as a plain key have another key hash, so one cannot stand in for the other.
  const auto plain = Verifier::make("witness.example/w", KeyType::ed25519, key->public_key());
  EXPECT_NE(plain->key_hash(), key->key_hash());
}

TEST(CheckpointFile, RoundTripAndStrictness) {
  const Signer log = *Signer::generate("audit.example/t/h/abc/1", KeyType::ed25519);
  const Checkpoint checkpoint{"audit.example/t/h/abc/1", 42, leaf_hash("x")};
  const std::string bytes = sign_checkpoint(checkpoint, log);
  const auto opened = open_checkpoint(bytes, log.verifier());
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->checkpoint, checkpoint);
  const std::string root = base64(view(checkpoint.root));
  for (const std::string& bad :
       {"o\n01\n" + root + "\n", "o\n+1\n" + root + "\n", "o\n1\n" + root + "\nmore\n",
        "o\n1\n" + root.substr(1) + "\n", "o\n1\n" + root, "o\n18446744073709551616\n" + root + "\n",
        "\n1\n" + root + "\n", std::string("o\n1\n")})
    EXPECT_FALSE(Checkpoint::parse(bad)) << bad;
  const Signer stranger = *Signer::generate("audit.example/t/h/abc/2", KeyType::ed25519);
  EXPECT_FALSE(open_checkpoint(bytes, stranger.verifier()));
  EXPECT_FALSE(
      open_checkpoint(sign_checkpoint(checkpoint, stranger), stranger.verifier()));  // another's origin
}

TEST(TlogProofFile, RoundTripAndVerify) {
  const Signer log = *Signer::generate("audit.example/log", KeyType::ed25519);
  Frontier tree;
  tree.append(leaf_hash("a"));
  tree.append(leaf_hash("b"));
  const std::string checkpoint = sign_checkpoint({"audit.example/log", 2, tree.root()}, log);
  const TlogProof proof{"", 1, {leaf_hash("a")}, checkpoint};
  const auto parsed = TlogProof::parse(proof.format());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->format(), proof.format());
  EXPECT_TRUE(parsed->verify("b", log.verifier()));
  EXPECT_FALSE(parsed->verify("a", log.verifier()));
  const TlogProof extra{"more", 1, {leaf_hash("a")}, checkpoint};
  EXPECT_EQ(TlogProof::parse(extra.format())->extra, "more");
  std::string bad = proof.format();
  bad.replace(bad.find("index 1"), 7, "index 01");
  EXPECT_FALSE(TlogProof::parse(bad));
  EXPECT_FALSE(TlogProof::parse(proof.format() + "\n"));
}

TEST(Note, ParsersWriteBackWhatTheyRead) {
  rc::check([](const std::string& noise) {
    if (const auto note = parse_note(noise)) RC_ASSERT(format_note(note->text, note->signatures) == noise);
    if (const auto proof = TlogProof::parse(noise)) RC_ASSERT(proof->format() == noise);
    if (const auto key = Verifier::parse(noise)) RC_ASSERT(key->vkey() == noise);
  });
  rc::check([] {  // one byte of a good note changed: it fails to parse, fails to verify, or it was not the
                  // signed part
    std::string bytes = std::string(kText) + "\n" + kLine;
    const auto at = *rc::gen::inRange<size_t>(0, bytes.size());
    const auto to = *rc::gen::arbitrary<char>();
    RC_PRE(bytes[at] != to);
    bytes[at] = to;
    const auto note = parse_note(bytes);
    RC_ASSERT((!note || !peter().verifier().verify(*note)));
  });
}

}  // namespace
}  // namespace warden::chain
