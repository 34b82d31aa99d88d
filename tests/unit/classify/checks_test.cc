// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/checks.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace warden::classify {
namespace {

TEST(Checks, KnownValues) {
  EXPECT_TRUE(luhn("79927398713"));
  EXPECT_FALSE(luhn("79927398710"));
  EXPECT_FALSE(luhn(""));
  EXPECT_TRUE(verhoeff("2363"));
  EXPECT_FALSE(verhoeff("2364"));
  EXPECT_TRUE(mod97("WEST12345698765432GB82"));
  EXPECT_FALSE(mod97("west12345698765432GB82"));
  EXPECT_EQ(crc32("123456789"), 0xCBF43926u);
  EXPECT_TRUE(sequential("7890123"));
  EXPECT_FALSE(sequential("12346"));
}

TEST(Checks, EntropyIsThatOfShannon) {
  EXPECT_EQ(entropy_centibits("aaaaaaaa"), 0);
  EXPECT_EQ(entropy_centibits("abababab"), 100);
  EXPECT_EQ(entropy_centibits("abcdefgh"), 300);
  EXPECT_NEAR(entropy_centibits("aab"), 92, 2);
}

RC_GTEST_PROP(Checks, OneWrongDigitBreaksLuhnAndVerhoeff, ()) {
  std::string digits =
      *rc::gen::container<std::string>(15, rc::gen::inRange('0', static_cast<char>('9' + 1)));
  const auto at = *rc::gen::inRange<size_t>(0, 15);
  for (const auto check : {luhn, verhoeff}) {
    std::string good;
    for (char last = '0'; last <= '9'; ++last) {
      if (check(digits + last)) good = digits + last;
    }
    RC_ASSERT(good.size() == 16u);
    std::string bad = good;
    bad[at] = static_cast<char>('0' + (bad[at] - '0' + 1 + *rc::gen::inRange(0, 8)) % 10);
    RC_ASSERT(bad == good || !check(bad));
  }
}

}  // namespace
}  // namespace warden::classify
