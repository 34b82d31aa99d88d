// SPDX-License-Identifier: Apache-2.0
#include "policy/rules/dsse.h"

#include <filesystem>

#include "agent/base/file.h"
#include "policy/rules/keys.h"
#include "tests/unit/policy/support.h"

namespace warden::policy {
namespace {

// The example of the DSSE specification, protocol.md.
TEST(Dsse, PreAuthenticationEncoding) {
  EXPECT_EQ(pre_authentication_encoding("http://example.com/HelloWorld", "hello world"),
            "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
  EXPECT_EQ(pre_authentication_encoding("", ""), "DSSEv1 0  0 ");
}

// RFC 8032, section 7.1, tests 1 and 2.
TEST(Dsse, Ed25519Vectors) {
  const struct {
    const char *key, *message, *signature;
  } vectors[] = {{"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
                  "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701c"
                  "f9b46bd25bf5f0595bbe24655141438e7a100b"},
                 {"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
                  "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0"
                  "f11d8c387b2eaeb4302aeeb00d291612bb0c00"}};
  for (const auto& vector : vectors) {
    const std::string key = *from_hex(vector.key), message = *from_hex(vector.message);
    std::string signature = *from_hex(vector.signature);
    EXPECT_TRUE(verify_ed25519(key, message, signature));
    EXPECT_FALSE(verify_ed25519(key, message + "x", signature));
    signature[5] ^= 1;
    EXPECT_FALSE(verify_ed25519(key, message, signature));
    EXPECT_FALSE(verify_ed25519(key, message, signature.substr(1)));
  }
}

TEST(Dsse, PayloadIsUnambiguous) {
  EXPECT_EQ(payload_of({{"a.yaml", "x"}, {"b.yaml", ""}}),
            "egresswarden policy bundle v1\n6:a.yaml,1:x,6:b.yaml,0:,");
  EXPECT_NE(payload_of({{"a", "1,1:b,0:"}}), payload_of({{"a", "1"}, {"b", ""}}));
}

class Signed : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("warden_dsse_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    put("a.yaml", bundle_text("  rules:\n    - { id: one, effect: allow }\n"));
    put("b.yaml",
        "apiVersion: egresswarden/v1\nkind: PolicyBundle\nspec:\n  rules:\n    - { id: two, effect: allow "
        "}\n");
    put("a_test.yaml", "not part of the bundle: [");
    pair_ = generate_key();
    options_.trusted = {pair_.key};
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void put(const std::string& name, const std::string& text) {
    ASSERT_TRUE(write_file((folder_ / name).string(), text, 0644));
  }
  std::string code_of() {
    const auto source = read_bundle(folder_.string());
    const auto program = source ? compile(*source, options_) : std::unexpected(source.error());
    if (program) return "ok by " + std::string(signer(**program));
    const char* names[] = {"unreadable",    "syntax",          "unknown_name",
                           "invalid_value", "unsigned_bundle", "bad_signature"};
    return names[static_cast<int>(program.error().code)];
  }
  std::filesystem::path folder_;
  KeyPair pair_;
  LoadOptions options_;
};

TEST_F(Signed, RoundTripAndWhatBreaksIt) {
  const std::string path = folder_.string(), envelope = path + "/bundle.dsse.json";
  EXPECT_EQ(code_of(), "unsigned_bundle");
  ASSERT_TRUE(sign_bundle(path, pair_.private_pem));
  EXPECT_EQ(code_of(), "ok by " + pair_.key.id);
  EXPECT_EQ(pair_.key.id.size(), 16u);

  const std::string good = *read_file(envelope);
  const std::string b = *read_file(path + "/b.yaml");
  put("b.yaml", b + " ");
  EXPECT_EQ(code_of(), "bad_signature");
  put("b.yaml", b);
  put("c.yaml", "apiVersion: egresswarden/v1\nkind: PolicyBundle\nspec: {}\n");
  EXPECT_EQ(code_of(), "bad_signature") << "an added file";
  std::filesystem::remove(folder_ / "c.yaml");

  std::string other = good;
  other.replace(other.find("policy.v1"), 9, "policy.v2");
  put("bundle.dsse.json", other);
  EXPECT_EQ(code_of(), "bad_signature") << "another payload type";
  put("bundle.dsse.json", "{}");
  EXPECT_EQ(code_of(), "bad_signature");
  options_.allow_unsigned = true;
  EXPECT_EQ(code_of(), "bad_signature") << "a wrong signature is refused even where none is needed";
  put("bundle.dsse.json", good);
  options_.trusted = {generate_key().key};
  EXPECT_EQ(code_of(), "bad_signature") << "a stranger's key";
  options_.trusted.clear();
  EXPECT_EQ(code_of(), "ok by ") << "nobody to check against, and none needed";
}

TEST_F(Signed, PublicKeyFile) {
  put("key.pub", pair_.public_pem);
  const auto key = read_trusted_key((folder_ / "key.pub").string());
  ASSERT_TRUE(key);
  EXPECT_EQ(key->id, pair_.key.id);
  EXPECT_EQ(key->public_key, pair_.key.public_key);
  put("key.pub", pair_.private_pem);
  EXPECT_FALSE(read_trusted_key((folder_ / "key.pub").string()));
  EXPECT_FALSE(sign_bundle(folder_.string(), pair_.public_pem));
}

}  // namespace
}  // namespace warden::policy
