// SPDX-License-Identifier: Apache-2.0
#include "agent/app/flows.h"

#include <gtest/gtest.h>

#include "agent/app/passing_bound.h"

namespace warden::app {
namespace {

TEST(OpenExchanges, AnOutcomeNeedsADecisionOfItsOwn) {
  OpenExchanges open;
  EXPECT_FALSE(open.end("a"));
  EXPECT_FALSE(open.begin(""));
  EXPECT_FALSE(open.begin(std::string(65, 'x')));
  EXPECT_TRUE(open.begin("a"));
  EXPECT_FALSE(open.begin("a"));
  EXPECT_TRUE(open.end("a"));
  EXPECT_FALSE(open.end("a"));
}

TEST(OpenExchanges, TheOldestGiveWay) {
  OpenExchanges open;
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(open.begin(std::to_string(i)));
  EXPECT_FALSE(open.end("0"));
  EXPECT_TRUE(open.end("999"));
}

TEST(Flows, CountsThoseToUnknownAddresses) {
  Flows flows;
  GrantedFlow unknown;
  unknown.worker = 1;
  unknown.unknown.emplace();
  const uint64_t first = flows.grant(unknown);
  flows.grant(unknown);
  flows.grant(GrantedFlow{});
  flows.restore(100, unknown);
  EXPECT_EQ(flows.unknown(), 3u);
  flows.end(first, 2);
  EXPECT_EQ(flows.unknown(), 3u) << "another worker's";
  flows.end(first, 1);
  EXPECT_EQ(flows.unknown(), 2u);
  flows.end_all_of(1);
  EXPECT_EQ(flows.unknown(), 0u);
  EXPECT_EQ(flows.size(), 1u);
}

TEST(PassingBound, GoesOnOnlyWhenThereIsRoomAgain) {
  PassingBound bound(100);
  EXPECT_FALSE(bound.suspends(49));
  EXPECT_TRUE(bound.suspends(50));
  EXPECT_TRUE(bound.suspends(26));
  EXPECT_FALSE(bound.suspends(25));
  EXPECT_FALSE(bound.suspends(49));
}

}  // namespace
}  // namespace warden::app
