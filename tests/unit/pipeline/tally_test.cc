// SPDX-License-Identifier: Apache-2.0
#include "agent/pipeline/tally.h"

#include <gtest/gtest.h>

#include <map>

namespace warden::pipeline {
namespace {

TEST(Tally, ReportsDeltasOnce) {
  Tally tally;
  tally.count("decisions_total|allow|allow|openai");
  tally.count("decisions_total|allow|allow|openai", 2);
  tally.time(Stage::record, 150);
  tally.time(Stage::record, 5'000'000);
  const auto first = tally.take();
  const std::map<std::string, uint64_t> by_name(first.begin(), first.end());
  EXPECT_EQ(by_name.at("decisions_total|allow|allow|openai"), 3u);
  EXPECT_EQ(by_name.at("stage|record|4"), 1u);   // 100 < 150 <= 200
  EXPECT_EQ(by_name.at("stage|record|14"), 1u);  // beyond the last bound
  EXPECT_EQ(by_name.at("stage|record|sum"), 5'000'150u);
  EXPECT_TRUE(tally.take().empty());
}

}  // namespace
}  // namespace warden::pipeline
