// SPDX-License-Identifier: Apache-2.0
#include "agent/app/handover.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace warden::app {
namespace {

Handover sample() {
  Handover handover;
  handover.contract = "2 abc";
  handover.next_worker = 7;
  handover.next_flow = 1 << 20;
  handover.port = 40123;
  handover.workers = {{5, 4711, 9, 10, std::string("\x05\0\0", 3), 0}, {6, -1, 11, 12, {}, 123456789}};
  handover.flows = {{99, 5, *Endpoint::parse("203.0.113.7", 443), 4, "identity", {"req-1", "req-2"}}};
  HeldFlow& unknown = handover.flows.emplace_back();
  unknown.unknown = unknown.passed = true;
  unknown.socket_cookie = 77;
  unknown.process.uid = 1000;
  unknown.process.parent_start_boottime_ns = 77;
  unknown.process.comm = "curl";
  unknown.process.cgroup_names = {"a", "b"};
  handover.namespaces = {{1 << 20, 13, 14, 15}, {8, 16, 17, -1}};
  handover.last_serving = 12;
  return handover;
}

TEST(Handover, ComesBackAsItWasStored) {
  const auto file = store(sample());
  ASSERT_TRUE(file);
  const auto read = load(file->get(), "2 abc");
  ASSERT_TRUE(read) << read.error().detail;
  EXPECT_EQ(read->next_worker, 7u);
  EXPECT_EQ(read->next_flow, 1u << 20);
  EXPECT_EQ(read->port, 40123);
  ASSERT_EQ(read->workers.size(), 2u);
  EXPECT_EQ(read->workers[0].pid, 4711);
  EXPECT_EQ(read->workers[0].passage, 10);
  EXPECT_EQ(read->workers[0].unread, std::string("\x05\0\0", 3));
  EXPECT_EQ(read->workers[1].drain_until_ns, 123456789);
  ASSERT_EQ(read->flows.size(), 2u);
  EXPECT_FALSE(read->flows[0].unknown);
  EXPECT_TRUE(read->flows[1].unknown && read->flows[1].passed);
  EXPECT_EQ(read->flows[1].socket_cookie, 77u);
  EXPECT_EQ(read->flows[1].process.uid, 1000u);
  EXPECT_EQ(read->flows[1].process.parent_start_boottime_ns, 77u);
  EXPECT_EQ(read->flows[1].process.comm, "curl");
  EXPECT_EQ(read->flows[1].process.cgroup_names, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(read->flows[0].original.to_string(), "203.0.113.7:443");
  EXPECT_EQ(read->flows[0].exchanges, (std::vector<std::string>{"req-1", "req-2"}));
  ASSERT_EQ(read->namespaces.size(), 2u);
  EXPECT_EQ(read->namespaces[0].cookie, 1u << 20);
  EXPECT_EQ(read->namespaces[0].netns, 13);
  EXPECT_EQ(read->namespaces[0].hold_v6, 15);
  EXPECT_EQ(read->namespaces[1].hold_v4, 17);
  EXPECT_EQ(read->namespaces[1].hold_v6, -1);
  EXPECT_EQ(read->last_serving, 12u);
}

TEST(Handover, ATruncatedOneIsAnErrorAtEveryLength) {
  const auto file = store(sample());
  ASSERT_TRUE(file);
  struct stat status {};
  ASSERT_EQ(::fstat(file->get(), &status), 0);
  for (off_t size = status.st_size - 1; size >= 0; --size) {
    ASSERT_EQ(::ftruncate(file->get(), size), 0);
    EXPECT_FALSE(load(file->get(), "2 abc")) << size;
  }
}

TEST(Handover, AnotherContractIsToldFromATruncatedOne) {
  const auto file = store(sample());
  ASSERT_TRUE(file);
  EXPECT_EQ(load(file->get(), "3 abc").error().code, HandoverError::other_contract);
  EXPECT_EQ(load(-1, "2 abc").error().code, HandoverError::unreadable);
}

}  // namespace
}  // namespace warden::app
