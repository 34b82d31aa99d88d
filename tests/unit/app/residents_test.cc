// SPDX-License-Identifier: Apache-2.0
// Who lives in the guarded tree, and what is told only once in a while.
#include "agent/app/residents.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>

#include "agent/app/repeats.h"
#include "agent/base/file.h"

namespace warden::app {
namespace {

using kernel::EventKind;

kernel::Event event(EventKind kind, int32_t pid, int32_t parent = 1) {
  kernel::Event made{};
  made.kind = kind;
  made.process.tgid = pid;
  made.process.ppid = parent;
  made.process.comm = "p" + std::to_string(pid);
  return made;
}

TEST(Residents, TellsWhoLeaves) {
  Residents residents;
  for (const EventKind kind : {EventKind::fork, EventKind::exec, EventKind::entered}) {
    EXPECT_FALSE(residents.leaves(event(EventKind::left, 10))) << "who was never inside";
    EXPECT_FALSE(residents.leaves(event(kind, 10)));
    EXPECT_TRUE(residents.leaves(event(EventKind::left, 10)));
    EXPECT_FALSE(residents.leaves(event(EventKind::left, 10))) << "who is outside moves on";
  }
  residents.leaves(event(EventKind::exec, 20));
  EXPECT_TRUE(residents.leaves(event(EventKind::left, 21, 20))) << "born outside by a parent inside";
  EXPECT_EQ(residents.size(), 1u);
}

TEST(Residents, APidThatCameRoundIsAnother) {
  Residents residents;
  residents.leaves(event(EventKind::fork, 10));
  residents.leaves(event(EventKind::exit, 10));
  EXPECT_EQ(residents.size(), 0u);
  EXPECT_FALSE(residents.leaves(event(EventKind::left, 10)));
}

TEST(Residents, RecallsTheLatestThatEnded) {
  Residents residents;
  EXPECT_FALSE(residents.recall(10));
  for (int32_t pid = 1; pid <= 2000; ++pid) residents.leaves(event(EventKind::exit, pid));
  EXPECT_FALSE(residents.recall(10));
  ASSERT_TRUE(residents.recall(2000));
  EXPECT_EQ(residents.recall(2000)->comm, "p2000");
}

TEST(Residents, ScansWhoIsThere) {
  const std::string folder = testing::TempDir() + "residents";
  ASSERT_TRUE(::mkdir(folder.c_str(), 0755) == 0 || errno == EEXIST);
  ASSERT_TRUE(::mkdir((folder + "/below").c_str(), 0755) == 0 || errno == EEXIST);
  ASSERT_TRUE(write_file(folder + "/cgroup.procs", "7\n8\n", 0644));
  ASSERT_TRUE(write_file(folder + "/below/cgroup.procs", "9", 0644));
  Residents residents;
  residents.scan(folder);
  EXPECT_EQ(residents.size(), 3u);
  for (const int32_t pid : {7, 8, 9}) EXPECT_TRUE(residents.leaves(event(EventKind::left, pid))) << pid;
}

kernel::Event passed(int32_t pid, const char* address, const char* reason) {
  kernel::Event made{};
  made.flow.process.tgid = pid;
  made.flow.original = *Endpoint::parse(address, 443);
  made.reason = reason;
  return made;
}

TEST(Repeats, TellsEachOnceInAWhile) {
  Repeats repeats;
  EXPECT_TRUE(repeats.is_first(passed(1, "192.0.2.1", "opaque_ssh"), 100));
  EXPECT_FALSE(repeats.is_first(passed(1, "192.0.2.1", "opaque_ssh"), 100 + Repeats::kQuietS - 1));
  EXPECT_TRUE(repeats.is_first(passed(1, "192.0.2.2", "opaque_ssh"), 101)) << "another destination";
  EXPECT_TRUE(repeats.is_first(passed(2, "192.0.2.1", "opaque_ssh"), 101)) << "another process";
  EXPECT_TRUE(repeats.is_first(passed(1, "192.0.2.1", "nameless_hello"), 101)) << "for another reason";
  EXPECT_TRUE(repeats.is_first(passed(1, "192.0.2.1", "opaque_ssh"), 100 + Repeats::kQuietS));
}

TEST(Repeats, WhenFullItTellsOnceMoreRatherThanOnceLess) {
  Repeats repeats;
  for (int32_t pid = 0; pid < static_cast<int32_t>(2 * Repeats::kMax); ++pid) EXPECT_TRUE(repeats.is_first(passed(pid, "192.0.2.1", "opaque_ssh"), 1));
}

}  // namespace
}  // namespace warden::app
