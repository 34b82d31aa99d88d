// SPDX-License-Identifier: Apache-2.0
#include "agent/base/digest.h"

#include <gtest/gtest.h>

#include "agent/base/clock.h"
#include "agent/base/uuid.h"

namespace warden {
namespace {

TEST(Digest, Sha256GivesTheVectorsOfFips180) {
  EXPECT_EQ(hex(view(sha256(""))), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  Sha256 hash;
  hash.update("a");
  hash.update("bc");
  EXPECT_EQ(hex(view(hash.finish())), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  hash.update("abc");
  EXPECT_EQ(hash.finish(), sha256("abc"));
}

TEST(Digest, HmacGivesTheSecondVectorOfRfc4231) {
  EXPECT_EQ(hex(view(hmac_sha256("Jefe", "what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Digest, AKeptKeyGivesTheSameHmacEachTime) {
  for (const std::string& key : {std::string("Jefe"), std::string(64, 'k'), std::string(131, '\xaa'), std::string()}) {
    const HmacSha256 hash(key);
    for (const std::string& text : {std::string(), std::string("what do ya want for nothing?"), std::string(5000, 'x')})
      for (int again = 0; again < 2; ++again) EXPECT_EQ(hash.of(text), hmac_sha256(key, text)) << key.size();
  }
}

TEST(Clock, Rfc3339HasMicrosecondsAndIsUtc) { EXPECT_EQ(rfc3339(1'000'001), "1970-01-01T00:00:01.000001Z"); }

TEST(Uuid, IsVersionSevenAndOrderedInTime) {
  const std::string one = uuid7();
  ASSERT_EQ(one.size(), 36u);
  EXPECT_EQ(one[14], '7');
  EXPECT_NE(std::string("89ab").find(one[19]), std::string::npos);
  EXPECT_LE(one.substr(0, 13), uuid7().substr(0, 13));
  EXPECT_NE(one, uuid7());
}

}  // namespace
}  // namespace warden
