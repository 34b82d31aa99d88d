// SPDX-License-Identifier: Apache-2.0
#include "agent/base/address.h"

#include <gtest/gtest.h>

namespace warden {
namespace {

TEST(Address, PrintsAndParsesBothFamilies) {
  EXPECT_EQ(Endpoint::parse("127.0.0.1", 443)->to_string(), "127.0.0.1:443");
  EXPECT_EQ(Endpoint::parse("2001:db8::1", 80)->to_string(), "[2001:db8::1]:80");
  EXPECT_TRUE(Endpoint::parse("::ffff:10.0.0.1", 1)->is_v4());
  EXPECT_EQ(Endpoint::parse("::ffff:10.0.0.1", 1), Endpoint::parse("10.0.0.1", 1));
  EXPECT_FALSE(Endpoint::parse("localhost", 1));
}

TEST(Address, RoundTripsThroughSockaddr) {
  for (const char* text : {"192.0.2.1", "2001:db8::7"}) {
    sockaddr_storage storage;
    const Endpoint endpoint = *Endpoint::parse(text, 8443);
    endpoint.to_sockaddr(storage);
    EXPECT_EQ(Endpoint::from(reinterpret_cast<const sockaddr*>(&storage)), endpoint);
  }
}

}  // namespace
}  // namespace warden
