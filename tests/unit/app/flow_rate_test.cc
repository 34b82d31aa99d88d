// SPDX-License-Identifier: Apache-2.0
#include "agent/app/flow_rate.h"

#include <gtest/gtest.h>

namespace warden::app {
namespace {

TEST(FlowRate, OneUsersLoopLeavesRoomForOthersAndIsNamed) {
  FlowRate rate;
  unsigned admitted = 0;
  for (int i = 0; i < 1000; ++i) admitted += rate.admit(1000, i % 2 ? "quic" : "tripwire", i == 100 ? "curl" : "loop", 7);
  EXPECT_EQ(admitted, FlowRate::kPerUserMax);
  EXPECT_TRUE(rate.admit(1001, "quic", "curl", 7));
  EXPECT_TRUE(rate.take_over(7).empty()) << "the second is not over";
  const auto over = rate.take_over(8);
  ASSERT_EQ(over.size(), 2u);
  EXPECT_EQ(over.at({1000, "quic"}).count, 475u);
  EXPECT_EQ(over.at({1000, "tripwire"}).count, 475u);
  EXPECT_EQ(over.at({1000, "quic"}).process, "loop");
  EXPECT_TRUE(rate.take_over(9).empty());
  EXPECT_TRUE(rate.admit(1000, "quic", "loop", 9));
}

TEST(FlowRate, ManyUsersAreCountedTogetherAndNoneIsLost) {
  FlowRate rate;
  uint64_t refused = 0;
  for (uint32_t uid = 0; uid < 3000; ++uid) refused += !rate.admit(uid, "quic", "loop", 7);
  EXPECT_EQ(refused, 3000u - FlowRate::kPerHostMax);
  const auto over = rate.take_over(8);
  EXPECT_LE(over.size(), FlowRate::kRowsMax + 1);
  uint64_t counted = 0;
  for (const auto& [key, row] : over) counted += row.count;
  EXPECT_EQ(counted, refused);
  EXPECT_GT(over.at({std::nullopt, "other"}).count, 0u);
}

}  // namespace
}  // namespace warden::app
