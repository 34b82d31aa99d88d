// SPDX-License-Identifier: Apache-2.0
#include "agent/app/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace warden::app {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Metrics, AWorkerCountsOnlyWhatIsItsOwn) {
  Metrics metrics;
  metrics.add({{"connections_total|proxied", 3},
               {"audit_records_total|decision", 1000},
               {"connections_total|" + std::string(65, 'x'), 1},
               {"connections_total|a\nb", 1},
               {"no_such_total", 1}});
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("egresswarden_connections_total{capture=\"proxied\"} 3"));
  EXPECT_THAT(text, HasSubstr("egresswarden_audit_records_total{kind=\"decision\"} 0"));
  EXPECT_THAT(text, HasSubstr("egresswarden_stats_unknown_total 1003"));
  EXPECT_THAT(text, Not(HasSubstr("xxxx")));
}

TEST(Metrics, TotalsOfOthersAreCountedByTheirGrowth) {
  Metrics metrics;
  metrics.count_up_to("worker_restarts_total", 2);
  metrics.count_up_to("worker_restarts_total", 2);
  metrics.count_up_to("worker_restarts_total", 5);
  EXPECT_THAT(metrics.text(), HasSubstr("egresswarden_worker_restarts_total 5"));
}

TEST(Metrics, APolicyThatWasReplacedIsNotShown) {
  Metrics metrics;
  metrics.set_only("policy_info|version=1|bundle=a", 1);
  metrics.set_only("policy_info|version=1|bundle=a", 1);
  metrics.set_only("policy_info|version=2|bundle=a", 1);
  const std::string text = metrics.text();
  EXPECT_THAT(text, Not(HasSubstr("version=\"1\"")));
  EXPECT_THAT(text, HasSubstr("version=\"2\""));
}

}  // namespace
}  // namespace warden::app
