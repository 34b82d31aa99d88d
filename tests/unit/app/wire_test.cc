// SPDX-License-Identifier: Apache-2.0
#include "agent/app/wire.h"

#include <gtest/gtest.h>

namespace warden::app {
namespace {

template <class Message>
std::string payload(const Message& message) {
  std::string frame;
  pack(message, frame);
  return frame.substr(kFrameHead);
}

TEST(Wire, StartRoundTrips) {
  Start start;
  start.endpoints.push_back({"vllm", "llm.corp.example", "openai", "authorization", 8443, true});
  start.policy.files = {{"a.yaml", "x: y"}, {"b.yaml", std::string(70000, 'z')}};
  start.policy.trusted = {{"k", std::string(32, '\1')}};
  start.policy.allow_unsigned = true;
  start.body_bytes_max = 1ull << 40;
  start.bodies_bytes_max = 1ull << 42;
  start.spool_bodies_over_bytes = 1 << 20;
  Start read;
  ASSERT_TRUE(unpack(payload(start), read));
  EXPECT_EQ(read.endpoints[0].host, "llm.corp.example");
  EXPECT_EQ(read.endpoints[0].port, 8443);
  EXPECT_EQ(read.policy.files, start.policy.files);
  EXPECT_TRUE(read.policy.allow_unsigned);
  EXPECT_EQ(read.body_bytes_max, 1ull << 40);
  EXPECT_EQ(read.bodies_bytes_max, 1ull << 42);
  EXPECT_EQ(read.spool_bodies_over_bytes, 1u << 20);
}

TEST(Wire, EveryTruncationAndEverySurplusIsRefused) {
  FlowReply reply{7, true, 9, *Endpoint::parse("203.0.113.7", 443), "api.openai.com", "identity"};
  const std::string bytes = payload(reply);
  for (size_t size = 0; size < bytes.size(); ++size) {
    FlowReply read;
    EXPECT_FALSE(unpack(std::string_view(bytes).substr(0, size), read)) << size;
  }
  FlowReply read;
  EXPECT_FALSE(unpack(bytes + "x", read));
  EXPECT_TRUE(unpack(bytes, read));
  EXPECT_EQ(read.original.to_string(), "203.0.113.7:443");
}

TEST(Wire, ACountThatLiesAllocatesNothing) {
  const std::string huge("\xff\xff\xff\xff", 4);
  Stats stats;
  EXPECT_FALSE(unpack(huge, stats));
  EXPECT_TRUE(stats.counters.empty());
}

TEST(Wire, ABooleanIsZeroOrOne) {
  FlowReply reply{1, true, 1, {}, {}, {}};
  std::string bytes = payload(reply);
  bytes[8] = 2;
  FlowReply read;
  EXPECT_FALSE(unpack(bytes, read));
}

}  // namespace
}  // namespace warden::app
