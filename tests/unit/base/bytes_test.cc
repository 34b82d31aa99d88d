// SPDX-License-Identifier: Apache-2.0
#include "agent/base/bytes.h"

#include <gtest/gtest.h>

namespace warden {
namespace {

TEST(Bytes, Base64GivesTheVectorsOfRfc4648) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64url("\xfb\xff"), "-_8");
}

TEST(Bytes, Base64RoundTripsEveryLength) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(from_base64(base64(bytes)), bytes);
    EXPECT_EQ(from_base64url(base64url(bytes)), bytes);
    EXPECT_EQ(from_hex(hex(bytes)), bytes);
    bytes += static_cast<char>(i * 37);
  }
}

TEST(Bytes, DecodingRefusesWhatIsNotCanonical) {
  for (const char* text : {"Zg=", "Zg", "Z===", "Zh==", "Zm9=", "Zm9vYmF\n", "Zm9v YmFy", "=", "===="})
    EXPECT_FALSE(from_base64(text)) << text;
  for (const char* text : {"Zg==", "Zh", "Z", "+/8"}) EXPECT_FALSE(from_base64url(text)) << text;
  for (const char* text : {"0", "0g", "AB"}) EXPECT_FALSE(from_hex(text)) << text;
}

}  // namespace
}  // namespace warden
